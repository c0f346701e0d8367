// The JSON of servers as the API answers it, made once for each state of a server: objects of the store are frozen, and each
// change is a new one. Kept no longer than the object itself; of one that runs, until its next usage.
import type { Usage } from '../../bus/bus.ts';
import { serverAnswer } from '../../panel/server-answer.ts';
import type { Server } from '../../resources/server.ts';

export interface ServerAnswersOptions {
  /** The last one of the process that runs; a new object each time. */
  usage(uuid: string): Usage | undefined;
  /** `system.crash_detection.enabled`, as it is now. */
  crashDetection(): boolean;
}

interface Made {
  /** What it was made of, beside the server. */
  usage: Usage | undefined;
  crashDetection: boolean;
  json: string;
  /** Of `json` in UTF-8. */
  bytes: number;
}

export class ServerAnswers {
  readonly #options: ServerAnswersOptions;
  readonly #made = new WeakMap<Server, Made>();

  constructor(options: ServerAnswersOptions) {
    this.#options = options;
  }

  one(server: Server): string {
    return this.#madeOf(server).json;
  }

  /** Written into one buffer piece by piece: joined first, the text would be read twice more, to count and to encode it. */
  all(servers: readonly Server[]): Buffer {
    const parts = servers.map((server) => this.#madeOf(server));
    const commas = Math.max(0, parts.length - 1);
    const body = Buffer.allocUnsafe(parts.reduce((sum, { bytes }) => sum + bytes, 2 + commas));
    let at = body.write('[');
    for (const [index, { json }] of parts.entries()) {
      if (index > 0) at += body.write(',', at);
      at += body.write(json, at);
    }
    body.write(']', at);
    return body;
  }

  #madeOf(server: Server): Made {
    const usage = this.#options.usage(server.spec.uuid ?? '');
    const crashDetection = this.#options.crashDetection();
    const before = this.#made.get(server);
    if (before?.usage === usage && before?.crashDetection === crashDetection) return before;
    const json = JSON.stringify(serverAnswer(server, { usage, crashDetection }));
    const made = { usage, crashDetection, json, bytes: Buffer.byteLength(json) };
    this.#made.set(server, made);
    return made;
  }
}
