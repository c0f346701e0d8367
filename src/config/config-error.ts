// What is wrong with a setting, for whoever starts the daemon.

/** One sentence that names the file or variable, the key, what is wrong and what would be right. Never holds a secret. */
export class ConfigError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConfigError';
  }
}
