// Reads the Accept header: in which form (object, table, metadata only, discovery) and which encoding to answer.
import { notAcceptable, StatusError } from './status.ts';

export interface Representation {
  encoding: 'json' | 'yaml';
  as: 'object' | 'table' | 'metadata' | 'discovery';
  /** For `Content-Type`. */
  contentType: string;
}

interface MediaRange {
  type: string;
  parameters: Map<string, string>;
  quality: number;
}

export const jsonType = 'application/json';
export const yamlType = 'application/yaml';
/** Ranges read of one header; the rest is ignored. */
const maxRanges = 32;

/**
 * The first range, by quality and then by order, that can be served.
 * @throws StatusError 406 when there is none
 */
export function negotiate(accept: string | undefined, forms: ReadonlySet<Representation['as']>): Representation {
  const ranges = parseAccept(accept ?? '');
  if (ranges.length === 0) return { encoding: 'json', as: 'object', contentType: jsonType };
  for (const range of ranges) {
    const found = represent(range, forms);
    if (found) return found;
  }
  throw new StatusError(notAcceptable([jsonType, yamlType]));
}

function represent(
  { type, parameters }: MediaRange,
  forms: ReadonlySet<Representation['as']>,
): Representation | undefined {
  const encoding = type === yamlType ? 'yaml' : ['*/*', 'application/*', jsonType].includes(type) ? 'json' : undefined;
  if (!encoding) return undefined;
  const base = encoding === 'yaml' ? yamlType : jsonType;
  const wanted = parameters.get('as');
  if (wanted === undefined) return { encoding, as: 'object', contentType: base };
  const version = parameters.get('v');
  const group = parameters.get('g');
  if (wanted === 'APIGroupDiscoveryList') {
    if (group !== 'apidiscovery.k8s.io' || version !== 'v2' || !forms.has('discovery')) return undefined;
    return { encoding, as: 'discovery', contentType: `${base};g=${group};v=${version};as=${wanted}` };
  }
  if (group !== 'meta.k8s.io' || version !== 'v1') return undefined;
  const as = wanted === 'Table' ? 'table' : wanted.startsWith('PartialObjectMetadata') ? 'metadata' : undefined;
  return as && forms.has(as) ? { encoding, as, contentType: base } : undefined;
}

function parseAccept(header: string): MediaRange[] {
  const ranges: MediaRange[] = [];
  for (const part of header.split(',', maxRanges)) {
    const [type, ...rest] = part.split(';').map((piece) => piece.trim());
    if (!type) continue;
    const parameters = new Map<string, string>();
    for (const piece of rest) {
      const at = piece.indexOf('=');
      if (at > 0) parameters.set(piece.slice(0, at).trim().toLowerCase(), piece.slice(at + 1).trim());
    }
    const quality = Number(parameters.get('q') ?? 1);
    if (quality > 0) ranges.push({ type: type.toLowerCase(), parameters, quality });
  }
  // The sort is stable: equal quality keeps the client's order.
  return ranges.sort((a, b) => b.quality - a.quality);
}
