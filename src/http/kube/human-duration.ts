// Ages as kubectl prints them: two units at most, coarser as they grow.

const steps: { below: number; text: (seconds: number) => string }[] = [
  { below: 120, text: (seconds) => `${seconds}s` },
  { below: 600, text: (seconds) => two(seconds, 60, 'm', 1, 's') },
  { below: 3 * 3600, text: (seconds) => `${Math.floor(seconds / 60)}m` },
  { below: 8 * 3600, text: (seconds) => two(seconds, 3600, 'h', 60, 'm') },
  { below: 48 * 3600, text: (seconds) => `${Math.floor(seconds / 3600)}h` },
  { below: 8 * 86_400, text: (seconds) => two(seconds, 86_400, 'd', 3600, 'h') },
  { below: 730 * 86_400, text: (seconds) => `${Math.floor(seconds / 86_400)}d` },
  { below: 2920 * 86_400, text: (seconds) => two(seconds, 365 * 86_400, 'y', 86_400, 'd') },
  { below: Number.POSITIVE_INFINITY, text: (seconds) => `${Math.floor(seconds / (365 * 86_400))}y` },
];

/** @param ms a negative one (a clock that was set back) is 0s, or <invalid> beyond a second */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  return steps.find(({ below }) => seconds < below)!.text(seconds);
}

function two(seconds: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const whole = Math.floor(seconds / large);
  const rest = Math.floor((seconds % large) / small);
  return rest === 0 ? `${whole}${largeUnit}` : `${whole}${largeUnit}${rest}${smallUnit}`;
}
