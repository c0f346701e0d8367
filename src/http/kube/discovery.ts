// What this API offers, in the two forms clients ask for: the aggregated one in a single request, and the older one
// group by group.
import type { FastifyInstance } from 'fastify';
import type { KindDefinition } from '../../resources/kinds.ts';
import { negotiate } from './negotiation.ts';
import { sendDocument, sendEncoded } from './respond.ts';
import type { Subresource } from './subresources.ts';

export const objectVerbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'] as const;
const readVerbs = ['get', 'list', 'watch'] as const;
const statusVerbs = ['get', 'patch', 'update'] as const;
const subresourceVerbs = ['get'] as const;

/** The version of Kubernetes whose conventions are followed: kubectl warns when it is far from its own. */
const followed = { major: '1', minor: '32' };

export function registerDiscovery(
  app: FastifyInstance,
  kinds: readonly KindDefinition[],
  subresources: readonly Subresource[],
  version: string | undefined,
): void {
  const core = kinds.filter((kind) => kind.group === '');
  const groups = [
    ...Map.groupBy(
      kinds.filter((kind) => kind.group !== ''),
      (kind) => kind.group,
    ),
  ];
  const versions = versionDocument(version);

  app.get('/version', (request, reply) => sendDocument(request, reply, versions));

  app.get('/api', (request, reply) => {
    const representation = negotiate(request.headers.accept, new Set(['discovery']));
    const document = representation.as === 'discovery' ? aggregated([['', core]], subresources) : coreVersions();
    return sendEncoded(reply, representation, document, 200);
  });
  app.get('/apis', (request, reply) => {
    const representation = negotiate(request.headers.accept, new Set(['discovery']));
    const document = representation.as === 'discovery' ? aggregated(groups, subresources) : groupList(groups);
    return sendEncoded(reply, representation, document, 200);
  });
  app.get('/api/v1', (request, reply) => sendDocument(request, reply, resourceList('v1', core, subresources)));
  for (const [group, members] of groups) {
    app.get(`/apis/${group}`, (request, reply) => {
      return sendDocument(request, reply, { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group, members) });
    });
    for (const [name, ofVersion] of Map.groupBy(members, (kind) => kind.version)) {
      const list = resourceList(`${group}/${name}`, ofVersion, subresources);
      app.get(`/apis/${group}/${name}`, (request, reply) => sendDocument(request, reply, list));
    }
  }
}

/** @param version of the daemon, shown as build metadata of the version of Kubernetes that is followed */
function versionDocument(version: string | undefined) {
  return {
    ...followed,
    gitVersion: `v${followed.major}.${followed.minor}.0+aileron${version ? `-${version}` : ''}`,
    gitCommit: '',
    gitTreeState: '',
    buildDate: '',
    goVersion: '',
    compiler: 'node',
    platform: `${process.platform}/${process.arch}`,
  };
}

function coreVersions() {
  return { kind: 'APIVersions', apiVersion: 'v1', versions: ['v1'], serverAddressByClientCIDRs: [] };
}

function groupList(groups: readonly [string, KindDefinition[]][]) {
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groups.map(([group, members]) => groupEntry(group, members)),
  };
}

function groupEntry(group: string, members: readonly KindDefinition[]) {
  const versions = [...new Set(members.map((kind) => kind.version))].map((version) => ({
    groupVersion: `${group}/${version}`,
    version,
  }));
  return { name: group, versions, preferredVersion: versions[0] };
}

function resourceList(groupVersion: string, kinds: readonly KindDefinition[], all: readonly Subresource[]) {
  const resources = kinds.flatMap((kind) => {
    const { plural, singular, namespaced, shortNames, categories } = kind;
    const common = { namespaced, kind: kind.kind };
    const main = { name: plural, singularName: singular, ...common, verbs: verbsOf(kind), shortNames, categories };
    const subresources = subresourcesOf(kind, all).map(({ name, verbs }) => {
      return { name: `${plural}/${name}`, singularName: '', ...common, verbs };
    });
    return [main, ...subresources];
  });
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

function aggregated(groups: readonly (readonly [string, readonly KindDefinition[]])[], all: readonly Subresource[]) {
  const items = groups.map(([group, members]) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: [...Map.groupBy(members, (kind) => kind.version)].map(([version, ofVersion]) => ({
      version,
      resources: ofVersion.map((kind) => aggregatedResource(kind, all)),
      freshness: 'Current',
    })),
  }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
}

function aggregatedResource(kind: KindDefinition, all: readonly Subresource[]) {
  const responseKind = { group: kind.group, version: kind.version, kind: kind.kind };
  const subresources = subresourcesOf(kind, all).map(({ name, verbs }) => ({ subresource: name, responseKind, verbs }));
  return {
    resource: kind.plural,
    responseKind,
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    shortNames: kind.shortNames,
    categories: kind.categories,
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}

function subresourcesOf(
  { kind, statusSubresource }: KindDefinition,
  all: readonly Subresource[],
): { name: string; verbs: readonly string[] }[] {
  const own = all.filter((one) => one.kind === kind).map(({ name }) => ({ name, verbs: subresourceVerbs }));
  return statusSubresource ? [{ name: 'status', verbs: statusVerbs }, ...own] : own;
}

function verbsOf({ readOnly }: KindDefinition): readonly string[] {
  return readOnly ? readVerbs : objectVerbs;
}
