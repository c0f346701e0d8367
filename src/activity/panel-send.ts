// A report of activity as a call to the Panel, and what its answers mean for the entries.
import type { PanelApi } from '../panel/panel-api.ts';
import { PanelResponseError } from '../panel/panel-errors.ts';
import type { SendActivity } from './delivery.ts';

/** The Panel checks a report as a whole; a proxy before it may find it too large. */
const becauseOfContent = [413, 422];

export function panelSender(api: Pick<PanelApi, 'reportActivity'>): SendActivity {
  return async (entries, signal) => {
    try {
      await api.reportActivity(entries, signal);
      return 'accepted';
    } catch (error) {
      if (error instanceof PanelResponseError && becauseOfContent.includes(error.status)) return 'refused';
      throw error;
    }
  };
}
