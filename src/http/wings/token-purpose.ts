// What a token without a scope was made for, by the claims that it states. Pure.

/** In the words of a scope. */
export type TokenPurpose = 'websocket' | 'file-download' | 'backup-download' | 'file-upload' | 'transfer';

const byClaim: Readonly<Record<string, TokenPurpose>> = {
  permissions: 'websocket',
  file_path: 'file-download',
  backup_uuid: 'backup-download',
};

/** Undefined: it fits none, or two at once. */
export function purposeOf(stated: ReadonlySet<string>): TokenPurpose | undefined {
  const shown = Object.keys(byClaim).filter((claim) => stated.has(claim));
  const [only] = shown;
  if (only !== undefined) return shown.length === 1 ? byClaim[only] : undefined;
  const [isOfServer, hasSubject] = [stated.has('server_uuid'), stated.has('sub')];
  if (isOfServer === hasSubject) return undefined;
  return isOfServer ? 'file-upload' : 'transfer';
}
