// When a cron line comes due, in a time zone with its daylight saving time. A time that a change of the clocks leaves out
// comes due right after it; one that it repeats comes due once, unless the line says every so many minutes or hours.
import { Cron } from 'croner';
import { isTimeZone } from './time-zone.ts';

const nicknames = ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually'];

export const cronRule =
  'must be five fields – minute, hour, day of month, month, day of week – such as "30 4 * * *", or one of @hourly, @daily, @weekly, @monthly, @yearly';

export const timeZoneRule = 'must be a time zone of the IANA database, such as Europe/Berlin';

export class CronLine {
  readonly #cron: Cron;

  /** @throws RangeError with what would be right */
  constructor(line: string, timeZone: string) {
    if (!isTimeZone(timeZone)) throw new RangeError(timeZoneRule);
    const fields = line.trim().split(/\s+/);
    const isNickname = fields.length === 1 && nicknames.includes(line.trim().toLowerCase());
    if (!isNickname && fields.length === 6) throw new RangeError(`${cronRule}; a field for seconds is not known`);
    if (!isNickname && fields.length !== 5) throw new RangeError(cronRule);
    const options = { mode: '5-part', fixedTimeRule: 'no-wildcard', timezone: timeZone, paused: true } as const;
    try {
      this.#cron = new Cron(fields.join(' '), options);
    } catch (error) {
      const reason = (error as Error).message.replace(/^CronPattern: /, '');
      throw new RangeError(`${cronRule} (${reason})`, { cause: error });
    }
    // Any leap year lies ahead of this, so what finds nothing from here finds nothing ever.
    if (!this.after(Date.UTC(2000, 0, 1))) throw new RangeError('no day ever fits these fields');
  }

  /** The first time later than `ms`, in ms since 1970; undefined when there is none. */
  after(ms: number): number | undefined {
    return this.#cron.nextRun(new Date(ms))?.getTime();
  }

  /** The last time not later than `ms`; undefined when there is none. */
  upTo(ms: number): number | undefined {
    // Runs are at whole minutes: the one at this very moment is before the next millisecond.
    return this.#cron.previousRuns(1, new Date(ms + 1))[0]?.getTime();
  }
}
