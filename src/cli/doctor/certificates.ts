// The keys of the kube API: there, whole, of one authority, and good for a while.
import { X509Certificate } from 'node:crypto';
import { coversHosts, isIssuedBy, isPair } from '../../http/kube/pki/checks.ts';
import { type Pki, readPki, servingHosts } from '../../http/kube/pki/pki.ts';
import { pkiDirectory } from '../node-access.ts';
import { type Check, type Finding, messageOf, ok, problem, warning } from './finding.ts';

const dayMs = 86_400_000;
/** The daemon makes new ones 30 days before the end; what is older than this was not renewed. */
const lateMs = 21 * dayMs;

export const checkCertificates: Check = async ({ config, daemon }) => {
  const directory = pkiDirectory(config);
  let pki: Pki | undefined;
  try {
    pki = await readPki(directory);
  } catch (error) {
    return [
      problem(`The keys in ${directory} cannot be read (${messageOf(error)})`, 'Run this as the user of the daemon.'),
    ];
  }
  if (!pki) {
    const says = `There are no complete keys in ${directory}`;
    return daemon === undefined
      ? [ok(`${says}; the first start makes them`)]
      : [problem(says, 'Restart the daemon: it makes them anew.')];
  }
  return certificateFindings(pki, config.aileron.kube.host, Date.now());
};

export function certificateFindings(pki: Pki, host: string, now: number): Finding[] {
  const restart =
    'Restart the daemon: it makes what cannot be used anew. Then make new kubeconfigs: aileron kubeconfig.';
  const pairs = [
    { name: 'serving certificate', pair: pki.serving },
    { name: "administrator's certificate", pair: pki.admin },
  ];
  const found = pairs.flatMap(({ name, pair }): Finding[] => {
    if (!isPair(pair)) return [problem(`The ${name} of the kube API does not go with its key`, restart)];
    if (!isIssuedBy(pair.certificate, pki.caCertificate))
      return [problem(`The ${name} is not of the node's own authority`, restart)];
    const { validToDate } = new X509Certificate(pair.certificate);
    if (validToDate.getTime() < now) return [problem(`The ${name} has expired on ${day(validToDate)}`, restart)];
    if (validToDate.getTime() - now < lateMs) return [warning(`The ${name} expires on ${day(validToDate)}`, restart)];
    return [];
  });
  if (found.length === 0 && !coversHosts(pki.serving.certificate, servingHosts(host)))
    found.push(warning(`The serving certificate does not name ${servingHosts(host).join(', ')}`, restart));
  if (found.length > 0) return found;
  return [
    ok(
      `The certificates of the kube API are good until ${day(new X509Certificate(pki.serving.certificate).validToDate)}`,
    ),
  ];
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
