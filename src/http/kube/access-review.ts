// "May I?" as clients ask it before they show a button (`kubectl auth can-i`, k9s). Whoever gets as far as asking has
// been authenticated as the administrator and may do everything there is.
import type { FastifyInstance } from 'fastify';
import { sendDocument } from './respond.ts';

const groupVersion = 'authorization.k8s.io/v1';

export function registerAccessReview(app: FastifyInstance): void {
  app.post(`/apis/${groupVersion}/selfsubjectaccessreviews`, (request, reply) => {
    // Unread: kubectl sends it as protobuf, and the answer is the same for every question.
    const review = { apiVersion: groupVersion, kind: 'SelfSubjectAccessReview', metadata: {}, spec: {} };
    return sendDocument(request, reply, { ...review, status: { allowed: true } });
  });
  app.post(`/apis/${groupVersion}/selfsubjectrulesreviews`, (request, reply) => {
    const rules = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }];
    const status = {
      resourceRules: rules,
      nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
      incomplete: false,
    };
    return sendDocument(request, reply, {
      apiVersion: groupVersion,
      kind: 'SelfSubjectRulesReview',
      metadata: {},
      status,
    });
  });
}
