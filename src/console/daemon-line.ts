// A line of the daemon's own in a console: yellow and bold up to the colon, as terminals of the Panels have always shown
// it. The text is data: nothing in it is turned into a colour.

/** `appName` is that of the configuration. */
export function daemonLine(appName: string, text: string): string {
  return `\u001b[33m\u001b[1m[${appName} Daemon]:\u001b[39m ${text}\u001b[0m`;
}
