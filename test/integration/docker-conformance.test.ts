// The real engine of this machine against the suite that the fake passes too.
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import { dockerConformance } from '../conformance/docker.ts';
import { needsDocker, testImage } from '../support/docker.ts';

dockerConformance('Docker', await needsDocker(), async () => ({
  docker: createDockerEngine(process.env),
  image: await testImage(),
}));
