// The calls to the Panel, one method each, as the rest of the daemon sees them. Each throws PanelResponseError,
// PanelUnreachableError or PanelUnreadableError, or the reason of its signal.

export interface ServerPage {
  /** As they came: to be read one by one. */
  records: unknown[];
  currentPage: number;
  lastPage: number;
  /** Servers on all pages; undefined when the Panel does not say. */
  total: number | undefined;
}

export interface InstallScript {
  image: string;
  entrypoint: string;
  /** With the line ends of whoever wrote it; empty when the egg has none. */
  script: string;
}

export interface SftpLogin {
  type: 'password' | 'public_key';
  username: string;
  /** Of a key: its line as in authorized_keys, with the line end. */
  password: string;
  ip: string;
  /** Both base64. */
  sessionId: string;
  clientVersion: string;
}

export interface SftpUser {
  user: string;
  server: string;
  permissions: string[];
}

export interface UploadParts {
  urls: string[];
  partSize: number;
  maxConcurrentUploads: number;
}

export interface BackupReport {
  checksum: string;
  checksumType: string;
  size: number;
  successful: boolean;
  parts?: readonly { etag: string; partNumber: number }[];
}

export interface ActivityEntry {
  user: string | null;
  server: string;
  event: string;
  metadata: Record<string, unknown>;
  ip: string;
  /** RFC 3339 in UTC, up to nine digits of a second. */
  timestamp: string;
}

export interface PanelApi {
  /** `page` counts from 1; 0 is the first one too. One try. */
  servers(page: number, perPage: number, signal: AbortSignal): Promise<ServerPage>;
  /** The record of one server. Tried for up to 30 s, and no more once `mayRepeat` says so. */
  server(uuid: string, signal: AbortSignal, mayRepeat?: () => boolean): Promise<unknown>;
  /** Tried for up to 30 s. */
  installScript(uuid: string, signal: AbortSignal): Promise<InstallScript>;
  /** Tried for up to 30 s. */
  sftpLogin(login: SftpLogin, signal: AbortSignal): Promise<SftpUser>;
  /** Each call begins an upload: never repeated by itself. */
  uploadParts(backup: string, size: number, signal: AbortSignal): Promise<UploadParts>;
  /** Reports: one try each, to be repeated by whoever owes them. */
  reportInstall(uuid: string, report: { successful: boolean; reinstall: boolean }, signal: AbortSignal): Promise<void>;
  reportBackup(backup: string, report: BackupReport, signal: AbortSignal): Promise<void>;
  reportRestore(backup: string, successful: boolean, signal: AbortSignal): Promise<void>;
  reportTransfer(uuid: string, result: 'success' | 'failure', signal: AbortSignal): Promise<void>;
  reportActivity(entries: readonly ActivityEntry[], signal: AbortSignal): Promise<void>;
  /** Pelican alone. */
  reportState(uuid: string, change: { previous: string; next: string }, signal: AbortSignal): Promise<void>;
  /** Servers of this node that install or are being restored become normal in the Panel. */
  resetServers(signal: AbortSignal): Promise<void>;
}
