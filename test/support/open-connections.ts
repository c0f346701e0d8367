// How many TCP connections this process holds, both ends of those to itself among them.

export function openConnections(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}
