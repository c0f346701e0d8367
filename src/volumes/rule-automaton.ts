// All rules as one machine that reads a path once, byte by byte, and never goes back. What it has seen is a set of
// places in the patterns; a set that was met is remembered with where each byte leads, so most bytes cost one look-up
// however many rules there are. The worst that a path can cost is its length times the length of all rules.
import { anyByte, type ByteSet, nameByte, type RulePattern, slashByte } from './rule-pattern.ts';

/** Places and look-ups that are remembered, some 20 MB; then all is forgotten and learned anew. */
const maxRemembered = 1_000_000;

/** A place in a pattern. */
interface Place {
  /** A byte of `on` leads to `to`. */
  on?: ByteSet;
  to: number;
  /** A byte of these leads here again. */
  stay?: ByteSet;
  /** Whoever is here is there too. */
  also: number[];
  /** The rule that matches a path ending here, -1 for none. */
  rule: number;
}

/** A set of places, met before. */
interface State {
  places: Int32Array;
  /** The last rule that matches a path ending here, -1 for none. */
  rule: number;
  /** By kind of byte. */
  next: (State | undefined)[];
}

export class RuleAutomaton {
  readonly #places: Place[] = [];
  /** Bytes that no rule tells apart are of one kind. */
  readonly #kindOf = new Uint8Array(256);
  /** One byte of each kind. */
  readonly #example: number[] = [];
  /** When a place was last visited, in steps. */
  readonly #visited: Int32Array;
  #step = 0;
  readonly #states = new Map<string, State>();
  #remembered = 0;
  #start: State;

  constructor(patterns: readonly RulePattern[]) {
    const starts = patterns.flatMap((pattern, rule) => this.#build(pattern, rule));
    this.#sortBytes();
    this.#visited = new Int32Array(this.#places.length);
    this.#start = this.#stateOf(this.#closureOf(starts));
  }

  /** The last rule that matches, by its index; -1 for none. */
  lastMatch(path: Buffer): number {
    let state = this.#start;
    for (let at = 0; at < path.length; at++) {
      const kind = this.#kindOf[path[at] as number] as number;
      state = state.next[kind] ?? this.#learn(state, kind);
    }
    return state.rule;
  }

  #learn(state: State, kind: number): State {
    const byte = this.#example[kind] as number;
    const reached: number[] = [];
    for (const index of state.places) {
      const place = this.#placeAt(index);
      if (place.on?.[byte]) reached.push(place.to);
      if (place.stay?.[byte]) reached.push(index);
    }
    const next = this.#stateOf(this.#closureOf(reached));
    state.next[kind] = next;
    return next;
  }

  #stateOf(places: Int32Array): State {
    const key = places.join();
    const known = this.#states.get(key);
    if (known) return known;
    let rule = -1;
    for (const index of places) rule = Math.max(rule, this.#placeAt(index).rule);
    const state: State = { places, rule, next: this.#nothingKnown() };
    this.#remembered += places.length + this.#example.length;
    if (this.#remembered > maxRemembered) this.#forget();
    this.#states.set(key, state);
    return state;
  }

  /** Whoever is on the way through a forgotten state goes on from it. */
  #forget(): void {
    this.#states.clear();
    this.#start = { ...this.#start, next: this.#nothingKnown() };
    this.#remembered = 0;
  }

  #nothingKnown(): undefined[] {
    return this.#example.map(() => undefined);
  }

  /** The places and all that they lead to without a byte, in order. */
  #closureOf(places: readonly number[]): Int32Array {
    this.#step += 1;
    const waiting = [...places];
    const closure: number[] = [];
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      if (this.#visited[index] === this.#step) continue;
      this.#visited[index] = this.#step;
      closure.push(index);
      for (const also of this.#placeAt(index).also) waiting.push(also);
    }
    return Int32Array.from(closure).sort();
  }

  /** Where the pattern begins. */
  #build({ tokens, anchored, inside }: RulePattern, rule: number): number {
    const start = this.#add();
    let at = anchored ? start : this.#addDirectories(start);
    for (const token of tokens) {
      if (token.kind === 'star') at = this.#addStar(at);
      else if (token.kind === 'directories') at = this.#addDirectories(at);
      else if (token.kind === 'below') at = this.#addBelow(at);
      else at = this.#addByte(at, token.set);
    }
    if (inside) this.#placeAt(at).stay = anyByte;
    else at = this.#addBelow(at);
    this.#placeAt(at).rule = rule;
    return start;
  }

  #addByte(at: number, set: ByteSet): number {
    const end = this.#add();
    Object.assign(this.#placeAt(at), { on: set, to: end });
    return end;
  }

  #addStar(at: number): number {
    const loop = this.#add({ stay: nameByte });
    const end = this.#add();
    this.#placeAt(at).also.push(loop);
    this.#placeAt(loop).also.push(end);
    return end;
  }

  #addDirectories(at: number): number {
    const end = this.#add();
    const loop = this.#add({ stay: anyByte, on: slashByte, to: end });
    this.#placeAt(at).also.push(loop, end);
    return end;
  }

  #addBelow(at: number): number {
    const end = this.#add();
    const loop = this.#add({ stay: anyByte, also: [end] });
    const gate = this.#add({ on: slashByte, to: loop });
    this.#placeAt(at).also.push(gate, end);
    return end;
  }

  #add(place: Partial<Place> = {}): number {
    this.#places.push({ to: -1, also: [], rule: -1, ...place });
    return this.#places.length - 1;
  }

  #placeAt(index: number): Place {
    return this.#places[index] as Place;
  }

  /** Two bytes are of one kind as long as no set has only one of them. */
  #sortBytes(): void {
    const sets = new Set(this.#places.flatMap(({ on, stay }) => [on, stay]));
    for (const set of sets) {
      if (!set) continue;
      const kinds = new Map<number, number>();
      for (let byte = 0; byte < 256; byte++) {
        const kind = (this.#kindOf[byte] as number) * 2 + (set[byte] as number);
        if (!kinds.has(kind)) kinds.set(kind, kinds.size);
        this.#kindOf[byte] = kinds.get(kind) as number;
      }
    }
    for (let byte = 255; byte >= 0; byte--) this.#example[this.#kindOf[byte] as number] = byte;
  }
}
