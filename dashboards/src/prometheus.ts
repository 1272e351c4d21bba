/** What the panels that ask Prometheus have in common. */
import * as cog from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';

import { Text } from './text';
import { COLOURS } from './words';

/** What counts as an exporter here. */
export const PICKED = 'job=~"$job", instance=~"$instance"';
export const INPUT = `${PICKED}, input=~"$input"`;

export const TROUBLE = COLOURS.referral;
export const STEADY = COLOURS.search;

export const NEVER: Text = {
  en: 'Not here: this metric is exported only where the feature is on.',
  fr: 'Rien ici : cette mesure n’existe que si la fonction est activée.',
};
export const NO_LINES: Text = {
  en: 'No exporter answers here. Check the data source, and that Prometheus scrapes darkshare.',
  fr: 'Aucun exporteur ne répond ici. Vérifiez la source de données, et que Prometheus lit darkshare.',
};
export const UNSCRAPED: Text = {
  en: 'Not here: Prometheus adds this when it scrapes. The embedded store samples without a scrape.',
  fr: 'Rien ici : Prometheus l’ajoute quand il lit les mesures. Le stockage intégré s’en passe.',
};

/** Queries and their legends. */
export type Lines = [expr: string, legend: Text | string][];

export const rate = (metric: string, labels = PICKED) => `rate(${metric}{${labels}}[$__rate_interval])`;

/** The builders of panels that show what Prometheus says. */
export interface Prometheus<B> extends cog.Builder<dashboard.Panel> {
  id(id: number): B;
  title(title: string): B;
  description(text: string): B;
  span(w: number): B;
  height(h: number): B;
  datasource(ref: common.DataSourceRef): B;
  targets(targets: cog.Builder<cog.Dataquery>[]): B;
  noValue(text: string): B;
}
