/** What all dashboards have around their panels. */
import * as cog from '@grafana/grafana-foundation-sdk/cog';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';

import type { Filter } from '../../plugin/src/types';
import { darksocial, PLUGIN, question, valuesOf } from './query';
import { Language, LANGUAGES, say, Text } from './text';
import { COLOURS } from './words';

const NAMES: Text = { en: 'English', fr: 'Français' };

/** A dashboard's name within its uid: darkshare-overview-en. */
export type Name = 'overview' | 'pages' | 'sharing' | 'shifts' | 'operations';

export interface Shell {
  name: Name;
  title: Text;
  about: Text;
  /** How far back it looks, e.g. "now-7d". */
  from: string;
  refresh: string;
}

/** The address of a dashboard, from Grafana's root on. */
export const address = (name: Name, language: Language) => `/d/darkshare-${name}-${language}`;

/** A dashboard without variables and panels, with links to the others and to itself in the other language. */
export function shell(s: Shell, language: Language): dashboard.DashboardBuilder {
  const t = say(language);
  const other = LANGUAGES.filter((l) => l !== language);
  return new dashboard.DashboardBuilder(t(s.title))
    .uid(`darkshare-${s.name}-${language}`)
    .description(t(s.about))
    .tags(['darkshare', `darkshare-${language}`])
    .time({ from: s.from, to: 'now' })
    .timezone('browser')
    .refresh(s.refresh)
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .links(
      [
        new dashboard.DashboardLinkBuilder(t({ en: 'Dark social', fr: 'Dark social' }))
          .type(dashboard.DashboardLinkType.Dashboards)
          .tags([`darkshare-${language}`])
          .asDropdown(true)
          .keepTime(true)
          .includeVars(true),
        ...other.map((l) =>
          new dashboard.DashboardLinkBuilder(NAMES[l])
            .type(dashboard.DashboardLinkType.Link)
            .icon('external link')
            .url(address(s.name, l))
            .keepTime(true)
            .includeVars(true)
        ),
      ].map(shown)
    );
}

// The SDK's default is to put links and annotations into a menu, where nobody looks.
function shown<T extends { placement?: unknown }>(builder: cog.Builder<T>): cog.Builder<T> {
  const built = builder.build();
  delete built.placement;
  return { build: () => built };
}

const LABELS: Record<'site' | 'section' | 'page' | 'device', Text> = {
  site: { en: 'Site', fr: 'Site' },
  section: { en: 'Section', fr: 'Rubrique' },
  page: { en: 'Page', fr: 'Page' },
  device: { en: 'Device', fr: 'Appareil' },
};

const ALL = { text: 'All', value: '$__all' };

/** A variable of a label's values on the sites, several or all of them. */
export function variable(name: keyof typeof LABELS, language: Language): dashboard.QueryVariableBuilder {
  const t = say(language);
  const several = name !== 'page';
  return new dashboard.QueryVariableBuilder(name)
    .label(t(LABELS[name]))
    .datasource(darksocial)
    .query(valuesOf(name, name === 'site' ? [] : ['$site']))
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.Disabled)
    .includeAll(true)
    .multi(several)
    .current(several ? { text: [ALL.text], value: [ALL.value] } : ALL);
}

/** The variable of the plugin's data sources. */
export const source = (language: Language) =>
  new dashboard.DatasourceVariableBuilder('datasource')
    .label(say(language)({ en: 'Data source', fr: 'Source de données' }))
    .type(PLUGIN);

/** The shifts of the dark share as marks on every panel that has a time axis. */
export const shiftMarks = (variables: Filter[], language: Language) =>
  shown(
    new dashboard.AnnotationQueryBuilder()
      .name(say(language)({ en: 'Shifts', fr: 'Écarts' }))
      .datasource(darksocial)
      .enable(true)
      .hide(false)
      .iconColor(COLOURS.ai)
      .target(question({ question: 'shift', over: 'range', variables }, language, 'Shifts'))
  );
