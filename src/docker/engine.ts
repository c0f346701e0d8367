// Docker as the rest of the daemon sees it. The adapter in this folder is the only place that knows the library; the
// fake in test/support passes the same conformance suite. Shapes and names are those of the Docker Engine API.

export interface Mount {
  Type: 'bind';
  Source: string;
  Target: string;
  ReadOnly: boolean;
}

export interface PortBinding {
  HostIp: string;
  HostPort: string;
}

/** Fields of `POST /containers/{id}/update`; also part of a create body. Absent means "unchanged" to Docker. */
export interface ContainerResources {
  /** Bytes, like the two below. 0 = no limit. */
  Memory?: number;
  MemoryReservation?: number;
  /** Memory and swap together; -1 = no limit. */
  MemorySwap?: number;
  /** Microseconds per CpuPeriod; -1 lifts a limit of a running container. */
  CpuQuota?: number;
  CpuPeriod?: number;
  CpuShares?: number;
  CpusetCpus?: string;
  PidsLimit?: number;
  BlkioWeight?: number;
}

export interface HostConfig extends ContainerResources {
  Mounts: Mount[];
  PortBindings: Record<string, PortBinding[]>;
  Tmpfs: Record<string, string>;
  OomKillDisable: boolean;
  Dns: string[];
  LogConfig: { Type?: string; Config?: Record<string, string> };
  SecurityOpt: string[];
  ReadonlyRootfs: boolean;
  CapDrop: string[];
  CapAdd?: string[];
  NetworkMode: string;
  UsernsMode: string;
}

/** Body of `POST /containers/create`. */
export interface ContainerBody {
  Hostname: string;
  Domainname: string;
  User: string;
  AttachStdin: boolean;
  AttachStdout: boolean;
  AttachStderr: boolean;
  OpenStdin: boolean;
  Tty: boolean;
  Image: string;
  /** Absent: the image's own. */
  Cmd?: string[];
  Env: string[];
  ExposedPorts: Record<string, Record<string, never>>;
  Labels: Record<string, string>;
  HostConfig: HostConfig;
  NetworkingConfig?: { EndpointsConfig: Record<string, unknown> };
}

/** What an inspect tells of one container, cut to what is used. */
export interface ContainerInfo {
  id: string;
  name: string;
  labels: Record<string, string>;
  /** `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`. */
  status: string;
  /** True for a paused container too, as Docker says it. */
  running: boolean;
  exitCode: number;
  oomKilled: boolean;
  /** Why a start failed, in Docker's words; empty when it did not. */
  error: string;
  /** RFC 3339 with nanoseconds; empty when it never started. */
  startedAt: string;
  finishedAt: string;
  image: string;
  /** Empty: it has none. */
  command: string[];
  tty: boolean;
  openStdin: boolean;
  stdinOnce: boolean;
  env: string[];
  mounts: { source: string; target: string; readOnly: boolean }[];
  resources: ContainerResources;
  networkMode: string;
}

export interface ContainerSummary {
  id: string;
  name: string;
  labels: Record<string, string>;
  running: boolean;
}

/** The terminal of a running container: bytes out, bytes in. */
export interface AttachedConsole {
  /**
   * For one reader, who must keep reading: while nobody reads, the process blocks on its output. Ends when Docker ends
   * the stream, which is not the same as the process ending, and after `close`.
   */
  output: AsyncIterable<Buffer>;
  /**
   * Resolves when Docker took the bytes. Writes keep their order. @throws DockerError when the stream is gone, or when
   * the process has left too much unread
   */
  write(data: Buffer): Promise<void>;
  close(): void;
}

/** One line of a pull: `status` and `progress` are Docker's own words. */
export interface PullProgress {
  layer?: string;
  status: string;
  progress: string;
  /** Bytes of this layer, where Docker tells. */
  current?: number;
  total?: number;
}

export interface PullOptions {
  auth?: { username: string; password: string };
  platform?: string;
  onProgress?: (progress: PullProgress) => void;
  signal?: AbortSignal;
}

/** One sample of `GET /containers/{id}/stats`, cut to what is used. Numbers are the kernel's counters. */
export interface StatsSample {
  read: string;
  preread: string;
  cpuTotal: number;
  previousCpuTotal: number;
  systemCpu: number;
  previousSystemCpu: number;
  onlineCpus: number;
  memoryUsage: number;
  memoryLimit: number;
  /** `total_inactive_file` (cgroup v1), when that key exists. */
  totalInactiveFile?: number;
  /** `inactive_file` (cgroup v2); 0 when absent. */
  inactiveFile: number;
  networkRx: number;
  networkTx: number;
  blockRead: number;
  blockWrite: number;
}

export interface ContainerEvent {
  /** `create`, `start`, `oom`, `die`, `destroy`, `pause`, `unpause`, `update`, … */
  action: string;
  id: string;
  name: string;
  labels: Record<string, string>;
  exitCode?: number;
  /** Seconds since the epoch by Docker's clock, for `since` of the next stream. */
  time: number;
}

export interface NetworkInfo {
  id: string;
  name: string;
  driver: string;
  internal: boolean;
  labels: Record<string, string>;
  subnets: { subnet: string; gateway: string }[];
  containers: number;
}

/** Body of `POST /networks/create`. */
export interface NetworkBody {
  Name: string;
  Driver: string;
  CheckDuplicate: boolean;
  EnableIPv6: boolean;
  Internal: boolean;
  Attachable: boolean;
  Options: Record<string, string>;
  Labels?: Record<string, string>;
  IPAM?: { Driver: string; Config: { Subnet: string; Gateway: string }[] };
}

export interface EngineInfo {
  version: string;
  apiVersion: string;
  os: string;
  arch: string;
  kernel: string;
  cpus: number;
  memoryBytes: number;
  rootDir: string;
  cgroupVersion: string;
  containerdVersion: string;
  runcVersion: string;
  /** Commit of runc, where Docker says it. */
  runcCommit: string;
  /** `linux`, as images name it. */
  osType: string;
  /** `cgroupfs`, `systemd` */
  cgroupDriver: string;
  storageDriver: string;
  /** File system below it; empty when Docker does not say. */
  backingFilesystem: string;
  /** Of all programs that use this engine. */
  containers: { total: number; running: number; paused: number; stopped: number };
}

/** What Docker keeps on disk, bytes. */
export interface DiskUsage {
  /** Root file systems of all containers. */
  containersBytes: number;
  images: number;
  /** Images that a container uses. */
  activeImages: number;
  /** Layers of all images, each counted once. */
  imagesBytes: number;
  /** Not shared with images. */
  buildCacheBytes: number;
}

/** What a removal of images took away: each tag and each layer by itself. */
export interface PrunedImages {
  removed: ({ untagged: string } | { deleted: string })[];
  reclaimedBytes: number;
}

/**
 * Every call may throw DockerUnreachableError (nobody answers: nothing is known) or DockerError (Docker said no).
 * "Not found" is `undefined` or a harmless no-op where the comment says so.
 */
export interface DockerEngine {
  ping(): Promise<void>;
  info(): Promise<EngineInfo>;

  /** `undefined`: no such container. */
  inspectContainer(nameOrId: string, signal?: AbortSignal): Promise<ContainerInfo | undefined>;
  listContainers(labels: Record<string, string>): Promise<ContainerSummary[]>;
  createContainer(name: string, body: ContainerBody): Promise<{ id: string; warnings: string[] }>;
  /** A running container is fine. */
  startContainer(id: string, signal?: AbortSignal): Promise<void>;
  /** The image's own stop signal, then no escalation. Missing or stopped is fine. */
  stopContainer(id: string, signal?: AbortSignal): Promise<void>;
  /** `false`: missing or not running. `signal` is a name such as `SIGINT`. */
  killContainer(id: string, signal: string): Promise<boolean>;
  /** With its anonymous volumes. Missing is fine; not forced, a running one is a DockerError with status 409. */
  removeContainer(id: string, options: { force: boolean }): Promise<void>;
  /** Missing is fine. */
  updateContainer(id: string, resources: ContainerResources): Promise<{ warnings: string[] }>;
  /** Raw terminal stream: no framing, detach keys off. Open before the start so that nothing is lost. */
  attachContainer(id: string, options: { tty: boolean; stdin: boolean }): Promise<AttachedConsole>;
  /** Last output, oldest first, at most 1 MiB. `since` is seconds since the epoch, fractions allowed. */
  containerLogs(id: string, options: { tty: boolean; tail?: number; since?: number }): Promise<Buffer>;
  /**
   * Resolves when Docker has accepted. The output from `since` on, seconds since the epoch as above, and then what comes,
   * until the container has ended and everything was told, or the signal aborts. Throws when the connection breaks.
   */
  followLogs(
    id: string,
    options: { tty: boolean; since?: number; signal: AbortSignal },
  ): Promise<AsyncIterable<Buffer>>;
  /** About one a second until the container ends or the signal aborts; none before its start. */
  containerStats(id: string, signal: AbortSignal): AsyncIterable<StatsSample>;
  /**
   * Resolves when Docker has accepted the wait: opened before the start, it cannot miss the exit.
   * `exit` resolves at the next exit of the container, or rejects when the connection breaks or the signal aborts.
   */
  openExitWait(id: string, signal: AbortSignal): Promise<{ exit: Promise<{ exitCode: number }> }>;

  /** `undefined`: not on this machine. */
  inspectImage(reference: string): Promise<{ id: string } | undefined>;
  /** An error inside the stream is an error here. */
  pullImage(reference: string, options: PullOptions): Promise<void>;
  /** Removes images that have no tag and no container. */
  pruneImages(): Promise<PrunedImages>;
  diskUsage(): Promise<DiskUsage>;

  inspectNetwork(nameOrId: string): Promise<NetworkInfo | undefined>;
  createNetwork(body: NetworkBody): Promise<{ id: string }>;
  /** Missing is fine. */
  removeNetwork(id: string): Promise<void>;

  /**
   * Events of containers only. Resolves once the stream is open, so that what a caller inspects after that is not
   * older than the stream. The iteration ends without an error when the signal aborts and throws when the stream breaks.
   */
  openEvents(options: { since?: number; signal: AbortSignal }): Promise<AsyncIterable<ContainerEvent>>;
}

/** Nobody answered: the state of every container is unknown, not "stopped". */
export class DockerUnreachableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DockerUnreachableError';
  }
}

/** Docker answered with an error. `message` is Docker's own. */
export class DockerError extends Error {
  readonly status: number;
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DockerError';
    this.status = status;
  }
}
