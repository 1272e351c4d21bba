/** Panels as all dashboards have them: what is in here is what makes them look alike. */
import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import * as cog from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as statetimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as text from '@grafana/grafana-foundation-sdk/text';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

import { darksocial, question, Question } from './query';
import { Language, say, Text } from './text';
import { APPS, called, COLOURS } from './words';

export type Panel = cog.Builder<dashboard.Panel>;

/** What every panel has. */
export interface Frame {
  /** The panel's number in its dashboard: it stays, wherever the panel goes. */
  id: number;
  title: Text;
  /** What is shown and how it comes about, in sentences. */
  about: Text;
  /** Width, of 24, and height, of about 38 pixels each. */
  size: [number, number];
  /** What is said where there is nothing to show: what to do about it. */
  empty?: Text;
}

/** What is said of an empty panel that nothing better is said of. */
const NOTHING: Text = {
  en: 'No visits here. Choose a longer time range or fewer filters.',
  fr: 'Aucune visite ici. Choisissez une période plus longue ou moins de filtres.',
};

/** What a cell without a value shows. */
const NONE = '–';

/** An override of some fields, by the names that the back end gives them. */
export type Look = [field: string, properties: Record<string, unknown>];

export type Asking = Frame & {
  ask: Question | Question[];
  looks?: Look[];
};

const properties = (of: Record<string, unknown>) => Object.entries(of).map(([id, value]) => ({ id, value }));

/** The names of columns as a regular expression for those whose values count, in a language. */
export const fields = (language: Language, ...names: string[]) =>
  `/^(${names.map((name) => called(name, language).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})$/`;

/** Makes panels in a language. */
export class Panels {
  readonly say;

  constructor(readonly language: Language) {
    this.say = say(language);
  }

  /** Lines over time. Colours, bands and axes come with the frames. */
  lines(
    p: Asking & {
      interval?: string;
      stacked?: 'normal';
      bars?: boolean;
      legend?: boolean;
      max?: number;
      colour?: keyof typeof COLOURS;
      /** Whether there may be points without neighbours. */
      sparse?: boolean;
    }
  ): Panel {
    const panel = this.asked(new timeseries.PanelBuilder(), p)
      .colorScheme(p.colour ? fixed(COLOURS[p.colour]) : byName())
      .legend(legend(p.legend ?? true))
      .tooltip(tooltip())
      .showPoints(p.sparse ? common.VisibilityMode.Auto : common.VisibilityMode.Never)
      .lineWidth(p.stacked && !p.bars ? 1 : 2);
    if (p.bars) {
      panel.drawStyle(common.GraphDrawStyle.Bars).fillOpacity(80).lineWidth(0);
    }
    if (p.stacked) {
      panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
      panel.overrideByFieldType('number', properties({ 'custom.fillOpacity': p.bars ? 80 : 45 }));
    }
    if (p.interval) {
      panel.interval(p.interval);
    }
    if (p.max !== undefined) {
      panel.max(p.max);
    }
    if (!p.stacked) {
      // Frames say that a share ends at 100 %: no line would leave the lower third.
      panel.overrideByFieldType('number', properties({ max: null }));
    }
    return panel;
  }

  /** Some numbers, large: those of a frame's one row. */
  numbers(p: Asking & { of: string[]; vertical?: boolean; timeShift?: string }): Panel {
    const panel = this.asked(new stat.PanelBuilder(), p)
      .reduceOptions(this.values(...p.of))
      .colorScheme(fixed('text'))
      .colorMode(common.BigValueColorMode.Value)
      .graphMode(common.BigValueGraphMode.None)
      .wideLayout(p.vertical ?? false)
      .justifyMode(common.BigValueJustifyMode.Auto)
      .textMode(p.of.length > 1 ? common.BigValueTextMode.ValueAndName : common.BigValueTextMode.Value)
      .orientation(p.vertical ? common.VizOrientation.Horizontal : common.VizOrientation.Auto)
      .text(new common.VizTextDisplayOptionsBuilder().titleSize(14).valueSize(p.of.length > 1 ? 28 : 44));
    return p.timeShift ? panel.timeShift(p.timeShift).hideTimeOverride(true) : panel;
  }

  /** Some shares of one whole as bars, one under the other, on one scale. */
  gauge(p: Asking & { of: string[] }): Panel {
    return this.asked(new bargauge.PanelBuilder(), p)
      .transformations(this.columns(...p.of))
      .reduceOptions(this.values(...p.of))
      .orientation(common.VizOrientation.Horizontal)
      .displayMode(common.BarGaugeDisplayMode.Gradient)
      .valueMode(common.BarGaugeValueMode.Text)
      .namePlacement(common.BarGaugeNamePlacement.Left)
      .showUnfilled(true);
  }

  /**
   * A bar for each row of a frame: its length is the number in the column `of`, its name what is in
   * the column `by`. Rows with a name of `without` are left out.
   */
  bars(
    p: Asking & {
      of: string;
      by: string;
      unit: 'locale' | 'percentunit';
      colours?: Record<string, string>;
      /** Shorter names for some. */
      short?: Record<string, Text>;
      without?: string[];
    }
  ): Panel {
    const { language } = this;
    const panel = this.asked(new bargauge.PanelBuilder(), p)
      // A field for each row, so that each has its own name and colour.
      .transformations([
        ...(p.without ? [this.rowsWithout(p.by, p.without)] : []),
        ...this.columns(p.by, p.of),
        {
          id: 'rowsToFields',
          options: {
            mappings: [
              { fieldName: called(p.by, language), handlerKey: 'field.name' },
              { fieldName: called(p.of, language), handlerKey: 'field.value' },
            ],
          },
        },
      ])
      .unit(p.unit)
      .decimals(p.unit === 'locale' ? 0 : 1)
      .min(0)
      .colorScheme(fixed(COLOURS.dark_social))
      .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
      .orientation(common.VizOrientation.Horizontal)
      .displayMode(common.BarGaugeDisplayMode.Gradient)
      .valueMode(common.BarGaugeValueMode.Text)
      .namePlacement(common.BarGaugeNamePlacement.Left)
      .sizing(common.BarGaugeSizing.Manual)
      .minVizHeight(16)
      .maxVizHeight(44)
      .text(new common.VizTextDisplayOptionsBuilder().titleSize(12).valueSize(13))
      .showUnfilled(true);
    for (const [name, fixedColor] of Object.entries(p.colours ?? {})) {
      panel.overrideByName(called(name, language), properties({ color: { mode: 'fixed', fixedColor } }));
    }
    for (const [name, text] of Object.entries(p.short ?? {})) {
      panel.overrideByName(called(name, language), properties({ displayName: this.say(text) }));
    }
    return panel;
  }

  /**
   * Rows and columns: those that are named, in that order. `narrow` is for many columns; `told`
   * for rows that are sentences, of which there may be none.
   */
  rows(p: Asking & { columns: string[]; narrow?: boolean; told?: boolean }): Panel {
    const numbers = { noValue: NONE, ...(p.narrow && { 'custom.width': 92, 'custom.wrapHeaderText': true }) };
    const first = new table.PanelBuilder().overrideByFieldType('number', properties(numbers));
    const panel = this.asked(first, p).cellHeight(common.TableCellHeight.Sm);
    for (const step of this.columns(...p.columns)) {
      panel.withTransformation(step);
    }
    if (p.told) {
      // A table without rows is empty; one without a frame says so. Taken apart and put together
      // again, what has no rows has no frame.
      panel.withTransformation({ id: 'partitionByValues', options: { fields: ['time'], keepFields: true } });
      panel.withTransformation({ id: 'merge', options: {} });
    }
    return panel;
  }

  /** How the columns of pages look: the page leads to the dashboard at that address. */
  pageLooks(address: string): Look[] {
    const variables = '${__url_time_range}&${site:queryparam}&${datasource:queryparam}';
    const url = `${address}?${variables}&var-page=${'$'}{__value.raw:percentencode}`;
    const title = this.say({ en: 'This page in depth', fr: 'Cette page en détail' });
    return [
      [
        'Page',
        {
          'custom.width': null,
          'custom.minWidth': 190,
          'custom.cellOptions': { type: 'auto', wrapText: true },
          links: [{ title, url }],
        },
      ],
      ['Site', { 'custom.width': 125 }],
      ...this.shareLooks(),
    ];
  }

  /** A dark share in a table, with a bar. */
  shareLooks(): Look[] {
    return [
      [
        'Dark share',
        { 'custom.width': 150, 'custom.cellOptions': { type: 'gauge', mode: 'gradient', valueDisplayMode: 'text' } },
      ],
    ];
  }

  /** A count in a table, with a bar. */
  countLooks(name: string): Look[] {
    return [[name, { 'custom.cellOptions': { type: 'gauge', mode: 'gradient', valueDisplayMode: 'text' } }]];
  }

  /** Sentences about what began at a time. */
  toldLooks(): Look[] {
    return [
      ['time', { displayName: this.say({ en: 'Since', fr: 'Depuis' }), 'custom.width': 170 }],
      [
        'text',
        {
          displayName: this.say({ en: 'What happened', fr: 'Ce qui s’est passé' }),
          'custom.width': null,
          'custom.minWidth': 300,
          'custom.cellOptions': { type: 'auto', wrapText: true },
        },
      ],
      ...['Dark share', 'Usual', 'Score'].map((name): Look => [
        name,
        { displayName: called(name, this.language), 'custom.width': 110 },
      ]),
    ];
  }

  /** A small line for each app, and its total. */
  trends(p: Asking & { interval: string }): Panel {
    const mappings = [
      {
        type: 'value',
        options: Object.fromEntries(Object.entries(APPS).map(([app, text], index) => [app, { text, index }])),
      },
    ];
    return this.asked(new table.PanelBuilder(), p)
      .interval(p.interval)
      .cellHeight(common.TableCellHeight.Sm)
      .withTransformation({ id: 'timeSeriesTable', options: { A: { stat: 'sum', timeField: 'Time' } } })
      .overrideByName('app', properties({ displayName: called('App', this.language), mappings, 'custom.width': 150 }))
      .overrideByName(
        'Trend #A',
        properties({
          displayName: this.say({ en: 'Trend, and the total', fr: 'Évolution, et le total' }),
          unit: 'locale',
          decimals: 0,
          color: { mode: 'fixed', fixedColor: COLOURS.dark_social },
          'custom.cellOptions': { type: 'sparkline', lineWidth: 1, fillOpacity: 25, gradientMode: 'none' },
        })
      );
  }

  /** The alert rules that are about dark social. */
  alerts(p: Frame): Panel {
    return this.framed(new dashboard.PanelBuilder(), p)
      .type('alertlist')
      .options({
        viewMode: 'list',
        groupMode: 'default',
        groupBy: [],
        maxItems: 20,
        sortOrder: 3,
        dashboardAlerts: false,
        alertName: 'Darkshare',
        alertInstanceLabelFilter: '',
        stateFilter: { firing: true, pending: true, noData: true, normal: true, error: true, recovering: true },
      });
  }

  /** A strip for each series, whose colour tells how far its values are from the usual. */
  strips(p: Asking & { steps: [from: number | null, colour: string][] }): Panel {
    const panel = this.asked(new statetimeline.PanelBuilder(), p)
      .thresholds(
        new dashboard.ThresholdsConfigBuilder()
          .mode(dashboard.ThresholdsMode.Absolute)
          .steps(p.steps.map(([value, color]) => ({ value, color })))
      )
      .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds))
      .overrideByFieldType('number', properties({ color: { mode: 'thresholds' } }))
      .mergeValues(true)
      .showValue(common.VisibilityMode.Never)
      .rowHeight(0.8)
      .fillOpacity(85)
      .lineWidth(0)
      .legend(legend(false))
      .tooltip(tooltip());
    const built = panel.build();
    // The SDK's default puts a pager below, even under one page.
    delete (built.options as statetimeline.Options).perPage;
    return { build: () => built };
  }

  /** Words. */
  words(p: Frame & { text: Text }): Panel {
    return this.framed(new text.PanelBuilder(), p).mode(text.TextMode.Markdown).content(this.say(p.text));
  }

  /** A head over the panels that follow. */
  row(id: number, title: Text): cog.Builder<dashboard.RowPanel> {
    return new dashboard.RowBuilder(this.say(title)).id(id);
  }

  /** Gives a panel what every panel has. */
  framed<B extends Framed<B>>(panel: B, p: Frame): B {
    const [span, height] = p.size;
    return panel.id(p.id).title(this.say(p.title)).description(this.say(p.about)).span(span).height(height);
  }

  /** Only these columns, in that order. */
  private columns(...names: string[]): dashboard.DataTransformerConfig[] {
    const shown = names.map((name) => called(name, this.language));
    return [
      { id: 'filterFieldsByName', options: { include: { names: shown } } },
      { id: 'organize', options: { indexByName: Object.fromEntries(shown.map((name, i) => [name, i])) } },
    ];
  }

  /** Without the rows that have one of the values in that column. */
  private rowsWithout(column: string, values: string[]): dashboard.DataTransformerConfig {
    const filters = values.map((value) => ({
      fieldName: called(column, this.language),
      config: { id: 'equal', options: { value: called(value, this.language) } },
    }));
    return { id: 'filterByValue', options: { type: 'exclude', match: 'any', filters } };
  }

  private asked<B extends Asked<B>>(panel: B, p: Asking): B {
    const asked = Array.isArray(p.ask) ? p.ask : [p.ask];
    const targets = asked.map((q, i) => question(q, this.language, String.fromCharCode(65 + i)));
    this.framed(panel, p)
      .datasource(darksocial)
      .targets(targets)
      .noValue(this.say(p.empty ?? NOTHING));
    for (const [name, look] of p.looks ?? []) {
      panel.overrideByName(name, properties(look));
    }
    return panel;
  }

  private values(...names: string[]) {
    return new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields(fields(this.language, ...names));
  }
}

/** The builders of panels, whatever they show. */
interface Framed<B> extends Panel {
  id(id: number): B;
  title(title: string): B;
  description(text: string): B;
  span(w: number): B;
  height(h: number): B;
}

/** The builders of panels that show data. */
interface Asked<B> extends Framed<B> {
  datasource(ref: common.DataSourceRef): B;
  targets(targets: cog.Builder<cog.Dataquery>[]): B;
  noValue(text: string): B;
  overrideByName(name: string, properties: dashboard.DynamicConfigValue[]): B;
}

export const fixed = (colour: string) =>
  new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Fixed).fixedColor(colour);

/** A colour of its own for each name, the same wherever that name is drawn. */
export const byName = () => new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.PaletteClassicByName);

export const legend = (shown: boolean) =>
  new common.VizLegendOptionsBuilder()
    .showLegend(shown)
    .displayMode(common.LegendDisplayMode.List)
    .placement(common.LegendPlacement.Bottom)
    .calcs([]);

export const tooltip = () =>
  new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending);
