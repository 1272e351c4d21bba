import { DataSourceJsonData } from '@grafana/data';
import { DataQuery } from '@grafana/schema';

/** What is asked. Each is computed by the back end; questions.json says what goes with it. */
export type Question = 'darkShare' | 'visits' | 'topPages' | 'shares' | 'direct' | 'conversions' | 'shift';

export type Of = 'all' | 'social';
export type By =
  '' | 'site' | 'section' | 'device' | 'channel' | 'source' | 'evidence' | 'app' | 'scope' | 'page' | 'goal';
export type As = 'count' | 'rate' | 'share';
export type Language = 'en' | 'fr';
export type Over = 'time' | 'range';

export const FILTERS = ['site', 'section', 'page', 'device', 'channel', 'source'] as const;
export type Filter = (typeof FILTERS)[number];
/** Exact values or dashboard variables; an empty list, or none, is everything. */
export type Filters = Partial<Record<Filter, string[]>>;

/** The labels whose values the back end lists. */
export const LABELS = ['site', 'section', 'device', 'channel', 'source', 'app', 'page', 'goal'] as const;
export type Label = (typeof LABELS)[number];

/**
 * A query as it is saved. Every field may be missing: an empty query is the dark share of
 * all visits over time. Fields that are not known here stay as they are.
 */
export interface DarkSocialQuery extends DataQuery {
  question?: Question;
  of?: Of;
  by?: By;
  as?: As;
  over?: Over;
  limit?: number;
  filters?: Filters;
  /** What the answer is in; English where it is empty. */
  language?: Language;
}

export interface VariableQuery extends DataQuery {
  label?: Label;
  /** Only values seen on these sites. */
  site?: string[];
}

export interface DarkSocialOptions extends DataSourceJsonData {
  /** How often the metrics are scraped, e.g. "1m". */
  timeInterval?: string;
  /** How long one query may take, e.g. "30s". */
  queryTimeout?: string;
}
