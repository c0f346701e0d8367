// The listener under the kube API: TLS 1.2 or newer with forward-secret AEAD suites, HTTP/1.1 only, and a limit on
// everything a client may keep open or leave unfinished.
import { constants } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Pki } from './pki/pki.ts';

/** ms. No request of this API streams a body, so one deadline covers the whole of a request. */
const limits = {
  handshake: 15_000,
  headers: 15_000,
  wholeRequest: 30_000,
  idleKeepAlive: 75_000,
  /** Without a byte either way while an answer is under way; a watch has its own rule. */
  silence: 60_000,
  /** How often unfinished requests are looked at. */
  check: 1_000,
};

const maxHeaderBytes = 16 * 1024;
/** Watches included; each is one connection. */
const maxConnections = 2048;

const suites = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
].join(':');

/** `limits` in ms, to be shortened by a test. */
export function createTlsListener(pki: Pki, listener: RequestListener, overrides: Partial<typeof limits> = {}): Server {
  const { handshake, headers, wholeRequest, idleKeepAlive, silence, check } = { ...limits, ...overrides };
  const server = createServer(
    {
      ...secureContext(pki),
      ALPNProtocols: ['http/1.1'],
      // Asked for, not required: a bearer token is the other way in. Who it is, auth.ts decides.
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: handshake,
      headersTimeout: headers,
      requestTimeout: wholeRequest,
      keepAliveTimeout: idleKeepAlive,
      connectionsCheckingInterval: check,
      maxHeaderSize: maxHeaderBytes,
      // Finds peers that vanished without a word.
      keepAlive: true,
      keepAliveInitialDelay: silence,
    },
    listener,
  );
  server.timeout = silence;
  server.maxConnections = maxConnections;
  // A failed handshake or a broken request is the client's affair; Node closes the socket, we only must not throw.
  server.on('tlsClientError', () => {});
  return server;
}

/** For `createServer` and for `setSecureContext` when certificates were renewed. */
export function secureContext(pki: Pki) {
  return {
    key: pki.serving.key,
    cert: pki.serving.certificate,
    ca: pki.caCertificate,
    minVersion: 'TLSv1.2' as const,
    ciphers: suites,
    ecdhCurve: 'X25519:P-256',
    // No tickets: a resumed session would skip the check of the client's certificate.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}
