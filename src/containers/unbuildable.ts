// The spec asks for something that no container on this node can have.

/** Only a change of the spec or of the node helps. `message` may be shown to the server's users: it has no path of the node. */
export class UnbuildableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnbuildableError';
  }
}
