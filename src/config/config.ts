// The settings in the form the daemon uses. Reading, defaults and checks: src/config/load.ts.

export type Flavour = 'pterodactyl' | 'pelican';

export interface DockerNetworkConfig {
  interface: string;
  dns: string[];
  name: string;
  ispn: boolean;
  ipv6: boolean;
  driver: string;
  networkMode: string;
  isInternal: boolean;
  enableIcc: boolean;
  /** Bytes. */
  mtu: number;
  v4: { subnet: string; gateway: string };
  v6: { subnet: string; gateway: string };
}

export interface DockerConfig {
  /** Path of the Unix socket of Docker, which no container may see; empty when Docker is reached over the network. */
  socket: string;
  network: DockerNetworkConfig;
  domainname: string;
  registries: Record<string, { username: string; password: string }>;
  /** MiB of /tmp in containers. */
  tmpfsSize: number;
  containerPidLimit: number;
  /** An installer has the larger of this and the server's own. MiB; percent of one CPU, 0 = no limit. */
  installerLimits: { memory: number; cpu: number };
  overhead: { override: boolean; defaultMultiplier: number; multipliers: [limit: number, multiplier: number][] };
  usernsMode: string;
  /** What the Panel is offered beside the addresses of the machine. */
  systemIps: string[];
  logConfig: { type: string; config: Record<string, string> };
}

export interface SystemConfig {
  rootDirectory: string;
  logDirectory: string;
  data: string;
  archiveDirectory: string;
  backupDirectory: string;
  tmpDirectory: string;
  username: string;
  timezone: string;
  /** Of the files and of the process in the container, unless rootless. Resolved at start. */
  user: {
    uid: number;
    gid: number;
    rootless: { enabled: boolean; containerUid: number; containerGid: number };
    passwd: { enable: boolean; directory: string };
  };
  machineId: { enable: boolean; directory: string };
  /** Seconds; 0 = never count. */
  diskCheckInterval: number;
  /** The file system limits what servers write. */
  quotas: { enabled: boolean };
  /** Seconds between reports to the Panel, entries of one, and console lines that the report of a crash holds. */
  activity: { sendInterval: number; sendCount: number; crashLines: number };
  checkPermissionsOnBoot: boolean;
  enableLogRotate: boolean;
  websocketLogCount: number;
  sftp: SftpConfig;
  /** `timeout` in seconds; 0 = always restart. */
  crashDetection: { enabled: boolean; detectCleanExitAsCrash: boolean; timeout: number };
  backups: BackupsConfig;
  /** Bytes a second, 0 = no limit. Nodes with the same pool name copy no files between them; empty = none. */
  transfers: { downloadLimit: number; storagePool: { enabled: boolean; poolName: string } };
  /** Seconds that work which must not be parted has when the daemon stops. */
  shutdownGrace: number;
}

export interface SftpConfig {
  host: string;
  port: number;
  readOnly: boolean;
  /** Passwords are refused. */
  keyOnly: boolean;
}

export interface ApiConfig {
  host: string;
  port: number;
  /** PEM files; empty = none. */
  ssl: { enabled: boolean; cert: string; key: string };
  disableRemoteDownload: boolean;
  remoteDownload: { maxRedirects: number };
  /** MiB of one file. */
  uploadLimit: number;
  /** IP addresses and CIDRs whose X-Forwarded-For is believed. */
  trustedProxies: string[];
}

export interface BackupsConfig {
  /** Bytes a second of archives written and read; 0 = no limit. */
  writeLimit: number;
  compressionLevel: 'none' | 'best_speed' | 'best_compression';
  /** Host names, addresses and CIDRs that a restore may fetch from although they are private. */
  restoreHostAllowlist: string[];
  removeBackupsOnServerDelete: boolean;
  /** Creates and restores that run on the node at the same time. */
  maxConcurrent: number;
  /** Where a new archive goes: below a directory of its server, or all in one. Both are read. */
  layout: 'per_server' | 'flat';
  restoreMode: 'auto' | 'staged' | 'in_place';
  tarEntries: 'wings' | 'posix';
  format: 'gzip' | 'zstd';
  /** Seconds of work; the time in the queue is not counted. */
  createTimeout: number;
  restoreTimeout: number;
  verifyAfterCreate: boolean;
}

/** Settings of our own, from aileron.yml beside config.yml; each has an environment variable. */
export interface AileronConfig {
  nodeName: string;
  kube: { host: string; port: number };
  ops: { host: string; port: number };
  /** Directory of manifests; empty = none. */
  manifests: string;
  store: { path: string };
  log: { level: 'debug' | 'info' | 'warn' | 'error' };
  /** URL of a collector of OpenTelemetry; empty = no traces. */
  tracing: { endpoint: string };
  /** Seconds between asking a process to stop by a signal and ending it. */
  stopGraceSeconds: number;
  /** Servers that are started at the same time when the machine or Docker comes back. */
  startsAtATime: number;
  imagePullTimeoutSeconds: number;
  installTimeoutSeconds: number;
  /** `strict`: few capabilities, none by set-uid programs, the script read-only. `wings`: Docker's defaults. */
  installerConfinement: 'strict' | 'wings';
  /** Whether tokens of the Panel without a scope are taken. */
  unscopedTokens: 'untilScoped' | 'always' | 'never';
  /** What becomes of genuine tokens whose `iss` or `aud` are not the addresses that this node knows. */
  foreignTokens: 'count' | 'refuse';
  /** How often one signed link to a backup may be used; from the second time on for a range alone. */
  downloadLinkUses: number;
  /** Between two lists of all servers, in minutes; 0 = at the start and after an outage alone. */
  panelListMinutes: number;
  /** Free space that daemon work leaves on the data directory's file system: the larger of both counts. */
  diskReserve: { percent: number; mebibytes: number };
}

export interface Config {
  flavour: Flavour;
  /** Where it was read from; `kubeconfig` and messages name it. */
  path: string;
  debug: boolean;
  appName: string;
  uuid: string;
  token: { id: string; secret: string };
  api: ApiConfig;
  system: SystemConfig;
  docker: DockerConfig;
  allowedMounts: string[];
  blockBaseDirMount: boolean;
  remote: string;
  /** Seconds for an answer of the Panel; what each request to it carries besides. */
  remoteQuery: { timeout: number; bootServersPerPage: number; customHeaders: Record<string, string> };
  /** How deep a search goes, and the names of directories it leaves out. */
  search: { maxRecursionDepth: number; blacklistedDirs: string[] };
  /** Browser origins beside the Panel's; `*` = any. */
  allowedOrigins: string[];
  allowCorsPrivateNetwork: boolean;
  ignorePanelConfigUpdates: boolean;
  /** Console lines of one server that reach those who watch. */
  throttles: { enabled: boolean; lines: number; lineResetIntervalMs: number };
  /** What consoles see beyond the protocol of Wings: live progress, its older names, operations as states, what users do. */
  websocket: { forkEvents: boolean; forkWireNames: boolean; forkStatus: boolean; activityEvents: boolean };
  aileron: AileronConfig;
  /** Certificates of the Panel are not checked. From the command line only. */
  ignoreCertificateErrors: boolean;
}
