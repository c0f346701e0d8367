// Answers of the node API that are no success: status and body, byte for byte as both Panels and browsers know them.

export interface HttpRefusal {
  code: number;
  /** An object goes out as JSON, a text as plain text. */
  body: { error: string } | string;
  headers?: Record<string, string>;
  /** The body names the request too, as Wings does where no handler chose the text. */
  identified?: true;
}

const handshakeVersion = { 'sec-websocket-version': '13' };

/** Of what went wrong in a way that is none of the client's business. */
export const unexpected = 'An unexpected error was encountered while processing this request';

function said(code: number, error: string, headers?: Record<string, string>): HttpRefusal {
  return { code, body: { error }, ...(headers ? { headers } : {}) };
}

function captured(code: number, error: string): HttpRefusal {
  return { ...said(code, error), identified: true };
}

export const refusals = {
  // Who asks.
  noToken: said(401, 'The required authorization heads were not present in the request.', {
    'www-authenticate': 'Bearer',
  }),
  wrongToken: said(403, 'You are not authorized to access this endpoint.'),
  tooManyTries: said(429, 'Too many failed attempts to authenticate. Please try again later.', { 'retry-after': '60' }),
  badLink: captured(401, unexpected),
  linkRefused: said(404, 'The requested resource was not found on this server.'),

  // What is asked for.
  noSuchPath: { code: 404, body: '404 page not found', headers: { 'content-type': 'text/plain' } },
  noSuchServer: said(404, 'The requested resource does not exist on this instance.'),
  notFound: captured(404, 'The requested resources was not found on the system.'),
  noSuchRange: captured(416, 'The requested range is not in the file.'),
  tooBusy: said(503, 'The node is busy. Please try again later.', { 'retry-after': '10' }),
  notReady: said(503, 'The node is starting.'),

  // The body.
  badRequest: captured(400, unexpected),
  emptyBody: said(400, 'The data passed in the request was not in a parsable format. Please try again.'),
  bodyTooLarge: said(413, 'The body of the request is too large.'),
  bodyTooSlow: said(408, 'The body of the request did not arrive in time.'),
  invalidData: said(422, 'The data provided in the request could not be validated.'),

  // The console socket.
  tooManySockets: said(400, 'Too many open websocket connections.'),
  noHandshake: { code: 400, body: 'Bad Request', headers: handshakeVersion },
  wrongOrigin: { code: 403, body: 'Forbidden', headers: handshakeVersion },

  // Power and console.
  badPowerAction: said(
    422,
    'The power action provided was not valid, should be one of "stop", "start", "restart", "kill"',
  ),
  suspendedPower: said(400, 'Cannot start or restart a server that is suspended.'),
  restoringPower: said(400, 'Cannot start or restart a server that is being restored.'),
  reinstallWhileBusy: said(409, 'Cannot execute server reinstall event while another power action is running.'),
  stoppedServer: said(502, 'Cannot send commands to a stopped server instance.'),
  noInstallation: said(409, 'Server is not currently being installed.'),
  noInstallLog: said(500, 'failed to read the log for the installation process.'),

  // Backups.
  badBackupId: said(400, 'The backup identifier must be a valid UUID.'),
  noSuchBackup: said(404, 'The requested backup was not found on this server.'),
  foreignBackup: said(409, 'A backup with this identifier belongs to another server.'),
  noDownloadUrl: said(400, 'The download_url field is required when the backup adapter is set to S3.'),
  unknownAdapter: said(422, 'The backup adapter must be "wings" or "s3".'),
  noS3: said(422, 'This node keeps backups on its own disk: the backup adapter "s3" is not supported.'),
  noSuchOperation: said(404, 'Backup operation not found or already completed'),
  foreignOperation: said(403, 'Backup operation does not belong to this server'),

  // Files.
  denylisted: captured(403, 'This file cannot be modified: present in egg denylist.'),
  isDirectory: captured(400, 'Cannot perform that action: file is a directory.'),
  noSpace: captured(400, 'There is not enough disk space available to perform that action.'),
  nameTooLong: captured(400, 'Cannot perform that action: file name is too long.'),
  noSuchDirectory: captured(404, 'The requested directory does not exist.'),

  internal: captured(500, unexpected),
  tookTooLong: captured(500, 'The server could not process this request in time, please try again.'),
} as const satisfies Record<string, HttpRefusal>;

/** Ends a request with an answer of the catalogue. */
export class RequestRefused extends Error {
  readonly refusal: HttpRefusal;
  constructor(refusal: HttpRefusal, options?: ErrorOptions) {
    super(typeof refusal.body === 'string' ? refusal.body : refusal.body.error, options);
    this.name = 'RequestRefused';
    this.refusal = refusal;
  }
}
