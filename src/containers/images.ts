// Ensures that a server's image is on this node, by the pull policy of its spec. A registry that fails does not keep a
// server from starting when there is a copy here. The same image is pulled once at a time, for whoever waits for it.
import type { Clock } from '../clock/clock.ts';
import { type DockerEngine, DockerUnreachableError } from '../docker/engine.ts';
import type { ServerSpec } from '../resources/server.ts';
import type { Logger } from '../telemetry/log.ts';
import { localName } from './container-labels.ts';
import { PullTimeoutError, SharedPull } from './shared-pull.ts';

export const pullStartedLine = 'Pulling Docker container image, this could take a few minutes to complete...';
export const pullFinishedLine = 'Finished pulling Docker container image';
export const fallbackLine = 'Could not pull the Docker image, using the copy on this node.';

export interface ImageRequest {
  /** As in spec, with its leading `~` if it has one. */
  image: string;
  policy: ServerSpec['imagePullPolicy'];
  credentials?: { username: string; password: string } | undefined;
  /** Lines for the console. */
  onLine(line: string): void;
  /** Docker's words about a layer. */
  onProgress(text: string): void;
  signal: AbortSignal;
}

export interface ImageOutcome {
  /** What a container is created from. */
  reference: string;
  pulled: boolean;
  /** The pull failed and the copy on this node is used. */
  fallback: boolean;
}

/** The image is neither here nor to be had. `cause` says why, as far as a pull was tried. */
export class ImageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ImageError';
  }
}

export interface ImagePullerOptions {
  docker: Pick<DockerEngine, 'pullImage' | 'inspectImage' | 'info'>;
  clock: Clock;
  log: Logger;
  /** Of one pull, ms. */
  timeoutMs: number;
  /** Whether a registry is told the platform of this node, as Pelican does. */
  sendPlatform: boolean;
}

export class ImagePuller {
  readonly #options: ImagePullerOptions;
  readonly #pulls = new Map<string, SharedPull>();

  constructor(options: ImagePullerOptions) {
    this.#options = options;
  }

  /** @throws ImageError, DockerUnreachableError, or the reason of the request's signal */
  async ensureImage(request: ImageRequest): Promise<ImageOutcome> {
    const reference = localName(request.image);
    const local = { reference, pulled: false, fallback: false };
    const neverPulled = request.image.startsWith('~') || request.policy === 'Never';
    if (neverPulled || request.policy === 'IfNotPresent') {
      if (await this.#isHere(reference)) return local;
      if (neverPulled) throw new ImageError(`image "${reference}" is not on this node and may not be pulled`);
    }
    request.signal.throwIfAborted();
    request.onLine(pullStartedLine);
    try {
      await this.#pull(reference, request);
    } catch (error) {
      return await this.#afterFailure(reference, request, error);
    }
    request.onLine(pullFinishedLine);
    return { reference, pulled: true, fallback: false };
  }

  async #pull(reference: string, { credentials, onProgress, signal }: ImageRequest): Promise<void> {
    const { docker, clock, timeoutMs } = this.#options;
    const platform = await this.#platform();
    // Who may not see a private image must not get it through a pull that another server's account made.
    const key = JSON.stringify([reference, platform, credentials?.username, credentials?.password]);
    let pull = this.#pulls.get(key);
    if (!pull) {
      const started: SharedPull = new SharedPull(
        { docker, clock, timeoutMs, reference, auth: credentials, platform },
        () => {
          if (this.#pulls.get(key) === started) this.#pulls.delete(key);
        },
      );
      this.#pulls.set(key, started);
      pull = started;
    }
    await pull.wait(onProgress, signal);
  }

  async #afterFailure(reference: string, request: ImageRequest, error: unknown): Promise<ImageOutcome> {
    request.signal.throwIfAborted();
    if (error instanceof DockerUnreachableError) throw error;
    const failed = () => new ImageError(`failed to pull "${reference}" image for server`, { cause: error });
    if (error instanceof PullTimeoutError || !(await this.#isHere(reference))) throw failed();
    this.#options.log.warn(
      { err: error, image: reference },
      'an image could not be pulled, the copy on this node is used',
    );
    request.onLine(fallbackLine);
    return { reference, pulled: false, fallback: true };
  }

  async #isHere(reference: string): Promise<boolean> {
    return (await this.#options.docker.inspectImage(reference)) !== undefined;
  }

  /** `linux/amd64` and the like, in the words of the image specification. */
  async #platform(): Promise<string | undefined> {
    if (!this.#options.sendPlatform) return undefined;
    const { osType, arch } = await this.#options.docker.info();
    return `${osType}/${arch}`;
  }
}
