// Turns tracing on: until then every span of the OpenTelemetry API is nothing and costs nothing.
import { trace } from '@opentelemetry/api';
import { SpanExporter, type SpanExporterOptions } from './span-exporter.ts';
import { SpanRecorder } from './span-recorder.ts';

/** For the whole process. @throws TypeError when it is on already */
export function startTracing(options: SpanExporterOptions): { close(): Promise<void> } {
  const exporter = new SpanExporter(options);
  const { clock } = options;
  const isFirst = trace.setGlobalTracerProvider(new SpanRecorder({ clock, onEnd: (span) => exporter.add(span) }));
  if (!isFirst) throw new TypeError('there is tracing in this process already');
  return {
    async close() {
      trace.disable();
      await exporter.close();
    },
  };
}
