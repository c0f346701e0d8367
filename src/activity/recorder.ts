// Takes what users did: tells those who watch the server at once, and keeps it for the Panel where there is one. Whoever
// reports waits for neither.
import type { Bus } from '../bus/bus.ts';
import type { Clock } from '../clock/clock.ts';
import type { Flavour } from '../config/config.ts';
import { type Activity, type ActivityRecorder, activityOf, crashEvent, type NewActivity } from './activity.ts';
import type { ActivityMetrics } from './activity-metrics.ts';

export interface RecorderOptions {
  bus: Bus;
  clock: Clock;
  flavour: Flavour;
  metrics: ActivityMetrics;
  /** Keeps it for the Panel; undefined without one. */
  keep: ((activity: Activity) => void) | undefined;
}

export class Recorder implements ActivityRecorder {
  readonly #options: RecorderOptions;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  record(input: NewActivity): void {
    const { keep, flavour, metrics } = this.#options;
    const activity = this.#publish(input);
    if (!keep) return;
    if (!activity) metrics.dropped('invalid', 1);
    else if (isKnown(activity.event, flavour)) keep(activity);
  }

  show(input: NewActivity): void {
    this.#publish(input);
  }

  #publish(input: NewActivity): Activity | undefined {
    const { bus, clock } = this.#options;
    const activity = activityOf(input, clock.now());
    if (activity) {
      const { server, event, user, metadata, timestamp } = activity;
      bus.publish(server, 'activity', { event, user, metadata, timestamp });
    }
    return activity;
  }
}

/** The Panel of Pterodactyl has no words for a crash and would show the bare name. */
function isKnown(event: string, flavour: Flavour): boolean {
  return event !== crashEvent || flavour === 'pelican';
}
