/**
 * The types that Grafana's Foundation SDK generates from Grafana's own schemas (CUE), by the
 * types of panels: check.mjs makes JSON schemas of them.
 */
import type * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import type * as stat from '@grafana/grafana-foundation-sdk/stat';
import type * as statetimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import type * as table from '@grafana/grafana-foundation-sdk/table';
import type * as text from '@grafana/grafana-foundation-sdk/text';
import type * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

export type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';

interface Panel<Options, Custom = Record<string, never>> {
  options: Options;
  custom?: Partial<Custom>;
}

export type BargaugePanel = Panel<bargauge.Options>;
export type StatPanel = Panel<stat.Options>;
export type StateTimelinePanel = Panel<statetimeline.Options, statetimeline.FieldConfig>;
export type TablePanel = Panel<Partial<table.Options>, table.FieldConfig>;
export type TextPanel = Panel<text.Options>;
export type TimeseriesPanel = Panel<timeseries.Options, timeseries.FieldConfig>;
