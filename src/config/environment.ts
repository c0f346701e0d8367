// The one place that reads the environment of this process.

export type Environment = Readonly<Record<string, string | undefined>>;

export const processEnvironment: Environment = process.env;
