import * as cog from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

import { byName, fixed, Frame, legend, Panels, tooltip } from './panel';
import { INPUT, Lines, NEVER, NO_LINES, PICKED, Prometheus, rate, STEADY, TROUBLE, UNSCRAPED } from './prometheus';
import { promql, server } from './query';
import { shell } from './shell';
import { Language, say, Text } from './text';

/** For platform engineers, from Prometheus alone. */
export function operations(language: Language) {
  const p = new Panels(language);
  const t = say(language);
  const words = (text: Text | string) => (typeof text === 'string' ? text : t(text));

  const lines = (f: Frame & { of: Lines; unit: string; colour?: string; stacked?: boolean; max?: number }) => {
    const panel = asked(new timeseries.PanelBuilder(), f)
      .unit(f.unit)
      .min(0)
      .axisSoftMax(f.unit === 'short' ? 1 : 0)
      // A rate needs two samples, and what is sampled once a minute has them in two.
      .interval('2m')
      .colorScheme(f.colour ? fixed(f.colour) : byName())
      .legend(legend(true))
      .tooltip(tooltip())
      .showPoints(common.VisibilityMode.Never)
      .lineWidth(f.stacked ? 1 : 2)
      .fillOpacity(f.stacked ? 45 : 8);
    if (f.stacked) {
      panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
    }
    if (f.max !== undefined) {
      panel.max(f.max);
    }
    return panel;
  };

  const number = (f: Frame & { of: Lines; unit: string; steps?: [number | null, string][]; mappings?: Text[] }) =>
    asked(new stat.PanelBuilder(), f)
      .unit(f.unit)
      .interval('2m')
      .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
      .colorMode(common.BigValueColorMode.Value)
      .graphMode(common.BigValueGraphMode.None)
      .textMode(common.BigValueTextMode.Value)
      .text(new common.VizTextDisplayOptionsBuilder().valueSize(32))
      .mappings(
        (f.mappings ?? []).map((text, i) => ({
          type: dashboard.MappingType.ValueToText,
          options: { [i]: { text: t(text), index: i } },
        })) as dashboard.ValueMapping[]
      )
      .thresholds(
        new dashboard.ThresholdsConfigBuilder()
          .mode(dashboard.ThresholdsMode.Absolute)
          .steps((f.steps ?? [[null, 'text']]).map(([value, color]) => ({ value, color })))
      );

  function asked<B extends Prometheus<B>>(panel: B, f: Frame & { of: Lines }): B {
    const targets = f.of.map(([expr, text], i) => promql(expr, words(text), String.fromCharCode(65 + i)));
    return p
      .framed(panel, f)
      .datasource(server)
      .targets(targets)
      .noValue(t(f.empty ?? NO_LINES));
  }

  return shell(
    {
      name: 'operations',
      title: { en: 'darkshare, operations', fr: 'darkshare, exploitation' },
      about: {
        en: 'Whether darkshare reads every line, keeps up, and stays within its limits. From any server that speaks Prometheus’s API.',
        fr: 'Si darkshare lit chaque ligne, suit le rythme et reste dans ses limites. Depuis tout serveur qui parle l’API de Prometheus.',
      },
      from: 'now-6h',
      refresh: '1m',
    },
    language
  )
    .withVariable(
      new dashboard.DatasourceVariableBuilder('prometheus')
        .label(t({ en: 'Prometheus', fr: 'Prometheus' }))
        .type('prometheus')
    )
    .withVariable(picker('job', 'Job', 'label_values(darkshare_log_lines_total, job)'))
    .withVariable(picker('instance', 'Instance', 'label_values(darkshare_log_lines_total{job=~"$job"}, instance)'))
    .withVariable(
      picker('input', t({ en: 'Input', fr: 'Entrée' }), `label_values(darkshare_log_lines_total{${PICKED}}, input)`)
    )

    .withPanel(
      number({
        id: 1,
        title: { en: 'Inputs read?', fr: 'Entrées lues ?' },
        about: {
          en: 'Whether every input can be read: a file that is gone, a port that is taken or a broker that does not answer is a No.',
          fr: 'Si chaque entrée peut être lue : un fichier disparu, un port déjà pris ou un broker muet donnent Non.',
        },
        size: [4, 4],
        unit: 'short',
        of: [[`min(darkshare_input_up{${INPUT}})`, '']],
        mappings: [
          { en: 'No', fr: 'Non' },
          { en: 'Yes', fr: 'Oui' },
        ],
        steps: [
          [null, TROUBLE],
          [1, STEADY],
        ],
      })
    )
    .withPanel(
      number({
        id: 2,
        title: { en: 'Newest line’s age', fr: 'Dernière ligne il y a' },
        about: {
          en: 'The time since the newest access record, as logged, of the input that is furthest behind. A quiet site has old lines, too.',
          fr: 'Le temps écoulé depuis le dernier accès journalisé, pour l’entrée la plus en retard. Un site calme en a aussi d’anciens.',
        },
        size: [5, 4],
        unit: 's',
        of: [[`time() - min(darkshare_input_last_record_timestamp_seconds{${INPUT}} > 0)`, '']],
        steps: [
          [null, STEADY],
          [300, TROUBLE],
        ],
      })
    )
    .withPanel(
      number({
        id: 3,
        title: { en: 'Lines a second', fr: 'Lignes par seconde' },
        about: {
          en: 'Log records read, of all kinds, over the last minutes.',
          fr: 'Lignes de journal lues, toutes sortes confondues, sur les dernières minutes.',
        },
        size: [5, 4],
        unit: 'short',
        of: [[`sum(${rate('darkshare_log_lines_total', INPUT)})`, '']],
      })
    )
    .withPanel(
      number({
        id: 4,
        title: { en: 'Lines not understood', fr: 'Lignes non comprises' },
        about: {
          en: 'The part of the lines in the time range that are no access records. Some are normal; many mean that the format is not the log’s.',
          fr: 'La part des lignes de la période qui ne sont pas des accès. Quelques-unes sont normales ; beaucoup signifient que le format n’est pas celui du journal.',
        },
        size: [5, 4],
        unit: 'percentunit',
        of: [
          [
            `sum(increase(darkshare_log_errors_total{${INPUT}}[$__range])) / sum(increase(darkshare_log_lines_total{${INPUT}}[$__range]))`,
            '',
          ],
        ],
        steps: [
          [null, STEADY],
          [0.01, TROUBLE],
        ],
      })
    )
    .withPanel(
      number({
        id: 5,
        title: { en: 'Lines lost', fr: 'Lignes perdues' },
        about: {
          en: 'Records lost before they were counted, in the time range. It should be none.',
          fr: 'Lignes perdues avant d’être comptées, sur la période. Il ne devrait pas y en avoir.',
        },
        size: [5, 4],
        unit: 'short',
        of: [[`sum(increase(darkshare_input_dropped_total{${INPUT}}[$__range]))`, '']],
        steps: [
          [null, STEADY],
          [1, TROUBLE],
        ],
      })
    )

    .withRow(p.row(6, { en: 'Lines', fr: 'Lignes' }))
    .withPanel(
      lines({
        id: 7,
        title: { en: 'Lines read', fr: 'Lignes lues' },
        about: { en: 'Log records read a second, by input.', fr: 'Lignes de journal lues par seconde, par entrée.' },
        size: [12, 8],
        unit: 'short',
        of: [[`sum by (input) (${rate('darkshare_log_lines_total', INPUT)})`, '{{input}}']],
      })
    )
    .withPanel(
      lines({
        id: 8,
        title: { en: 'What the requests were', fr: 'Ce qu’étaient les requêtes' },
        about: {
          en: 'Access records a second by what they are, each exactly once. Landings are what visits come from.',
          fr: 'Accès par seconde selon ce qu’ils sont, chacun une seule fois. Les visites viennent des « landing ».',
        },
        size: [12, 8],
        unit: 'short',
        stacked: true,
        of: [[`sum by (kind) (${rate('darkshare_requests_total')})`, '{{kind}}']],
      })
    )
    .withPanel(
      lines({
        id: 9,
        title: { en: 'Lines not understood, by reason', fr: 'Lignes non comprises, par raison' },
        about: {
          en: 'Lines a second that are no access records. Reason “format”: the log has another format than the configuration says; darkshare check shows which lines.',
          fr: 'Lignes par seconde qui ne sont pas des accès. Raison « format » : le journal a un autre format que la configuration ; darkshare check montre lesquelles.',
        },
        size: [8, 8],
        unit: 'short',
        of: [[`sum by (reason) (${rate('darkshare_log_errors_total', INPUT)})`, '{{reason}}']],
      })
    )
    .withPanel(
      lines({
        id: 10,
        title: { en: 'Lines lost, by reason', fr: 'Lignes perdues, par raison' },
        about: {
          en: 'Records a second lost before they were counted: rotated away unread, or not fitting into a full queue.',
          fr: 'Lignes par seconde perdues avant d’être comptées : effacées par une rotation avant lecture, ou refusées par une file pleine.',
        },
        size: [8, 8],
        unit: 'short',
        empty: NEVER,
        of: [[`sum by (input, reason) (${rate('darkshare_input_dropped_total', INPUT)})`, '{{input}} {{reason}}']],
      })
    )
    .withPanel(
      lines({
        id: 11,
        title: { en: 'Trouble with senders, by reason', fr: 'Ennuis avec les émetteurs, par raison' },
        about: {
          en: 'Connections and messages a second that could not be taken from those who send to darkshare: syslog, Envoy, OTLP, Kafka.',
          fr: 'Connexions et messages par seconde qui n’ont pas pu être pris à ceux qui envoient à darkshare : syslog, Envoy, OTLP, Kafka.',
        },
        size: [8, 8],
        unit: 'short',
        empty: NEVER,
        of: [[`sum by (input, reason) (${rate('darkshare_input_errors_total', INPUT)})`, '{{input}} {{reason}}']],
      })
    )

    .withRow(p.row(12, { en: 'Keeping up', fr: 'Suivre le rythme' }))
    .withPanel(
      lines({
        id: 13,
        title: { en: 'Bytes that wait to be read', fr: 'Octets en attente de lecture' },
        about: {
          en: 'What the input’s files hold and darkshare has not read yet. It should come back to nearly nothing.',
          fr: 'Ce que les fichiers de l’entrée contiennent et que darkshare n’a pas encore lu. Cela devrait revenir à presque rien.',
        },
        size: [8, 8],
        unit: 'bytes',
        of: [[`sum by (input) (darkshare_input_lag_bytes{${INPUT}})`, '{{input}}']],
      })
    )
    .withPanel(
      lines({
        id: 14,
        title: { en: 'Age of the newest line', fr: 'Âge de la dernière ligne' },
        about: {
          en: 'The time since the newest access record, as logged, by input. A line that climbs steadily: nothing comes any more.',
          fr: 'Le temps écoulé depuis le dernier accès journalisé, par entrée. Une courbe qui monte sans cesse : plus rien n’arrive.',
        },
        size: [8, 8],
        unit: 's',
        of: [[`time() - max by (input) (darkshare_input_last_record_timestamp_seconds{${INPUT}} > 0)`, '{{input}}']],
      })
    )
    .withPanel(
      lines({
        id: 15,
        title: { en: 'Queue of records to forward', fr: 'File des lignes à transmettre' },
        about: {
          en: 'Access records on their way to Kafka that it has not acknowledged, and trouble with its brokers a second. Only where darkshare forwards.',
          fr: 'Accès en route vers Kafka qu’il n’a pas encore confirmés, et ennuis par seconde avec ses brokers. Seulement là où darkshare transmet.',
        },
        size: [8, 8],
        unit: 'short',
        empty: NEVER,
        of: [
          [`sum(darkshare_forward_pending_records{${PICKED}})`, { en: 'Waiting', fr: 'En attente' }],
          [`sum by (reason) (${rate('darkshare_forward_errors_total')})`, '{{reason}}'],
        ],
      })
    )

    .withRow(p.row(16, { en: 'What is remembered', fr: 'Ce qui est en mémoire' }))
    .withPanel(
      lines({
        id: 17,
        title: { en: 'Visitors', fr: 'Visiteurs' },
        about: {
          en: 'Visitors remembered, and landings that wait for their visitor to show itself as a browser. Both have a limit.',
          fr: 'Les visiteurs en mémoire, et les arrivées qui attendent que leur visiteur se montre comme navigateur. Les deux ont une limite.',
        },
        size: [8, 8],
        unit: 'short',
        of: [
          [`sum(darkshare_visitors{${PICKED}})`, { en: 'Visitors', fr: 'Visiteurs' }],
          [`sum(darkshare_pending_landings{${PICKED}})`, { en: 'Waiting landings', fr: 'Arrivées en attente' }],
        ],
      })
    )
    .withPanel(
      lines({
        id: 18,
        title: { en: 'Limits reached', fr: 'Limites atteintes' },
        about: {
          en: 'How often a second a limit put something under (other) or forgot it early. “pages” is normal: only the top pages are told apart. “visitors” loses visits: raise it.',
          fr: 'Combien de fois par seconde une limite a rangé quelque chose sous (other) ou l’a oublié trop tôt. « pages » est normal : seules les pages en tête sont à part. « visitors » perd des visites : relevez-la.',
        },
        size: [8, 8],
        unit: 'short',
        of: [
          [`sum by (limit) (${rate('darkshare_limit_reached_total')})`, '{{limit}}'],
          [
            `sum(${rate('darkshare_visitors_evicted_total')})`,
            { en: 'visitors forgotten early', fr: 'visiteurs oubliés trop tôt' },
          ],
        ],
      })
    )
    .withPanel(
      lines({
        id: 19,
        title: { en: 'Confirmation’s control group', fr: 'Groupe témoin de la confirmation' },
        about: {
          en: 'The share of the landings from search engines that were confirmed as browsers: how visible confirmation is on the site. Near zero, assets come from elsewhere, and confirmation is switched off.',
          fr: 'La part des arrivées depuis les moteurs de recherche confirmées comme navigateurs : à quel point la confirmation se voit sur le site. Près de zéro, les ressources viennent d’ailleurs, et la confirmation est coupée.',
        },
        size: [8, 8],
        unit: 'percentunit',
        max: 1,
        of: [[`avg by (site) (darkshare_confirmation_ratio{${PICKED}})`, '{{site}}']],
      })
    )

    .withRow(p.row(20, { en: 'The process', fr: 'Le processus' }))
    .withPanel(
      lines({
        id: 21,
        title: { en: 'Memory', fr: 'Mémoire' },
        about: {
          en: 'What the process holds of the machine’s memory, and what of it is live objects.',
          fr: 'Ce que le processus occupe de la mémoire de la machine, et ce qui en est des objets vivants.',
        },
        size: [8, 8],
        unit: 'bytes',
        of: [
          [own('process_resident_memory_bytes'), { en: 'Resident {{instance}}', fr: 'Résidente {{instance}}' }],
          [own('go_memstats_heap_inuse_bytes'), { en: 'Heap {{instance}}', fr: 'Tas {{instance}}' }],
        ],
      })
    )
    .withPanel(
      lines({
        id: 22,
        title: { en: 'Processors', fr: 'Processeurs' },
        about: {
          en: 'How many processors the process keeps busy.',
          fr: 'Combien de processeurs le processus occupe.',
        },
        size: [8, 8],
        unit: 'short',
        of: [[own(`process_cpu_seconds_total`, true), { en: 'Busy {{instance}}', fr: 'Occupés {{instance}}' }]],
      })
    )
    .withPanel(
      lines({
        id: 23,
        title: { en: 'Scrape', fr: 'Lecture par Prometheus' },
        about: {
          en: 'How long a scrape of darkshare takes, and how many samples it has (right). Samples are bounded by the limits of the configuration.',
          fr: 'Combien dure une lecture de darkshare, et combien d’échantillons elle a (à droite). Leur nombre est borné par les limites de la configuration.',
        },
        size: [8, 8],
        unit: 's',
        empty: UNSCRAPED,
        of: [
          [own('scrape_duration_seconds'), { en: 'Duration {{instance}}', fr: 'Durée {{instance}}' }],
          [own('scrape_samples_scraped'), { en: 'Samples {{instance}}', fr: 'Échantillons {{instance}}' }],
        ],
      }).overrideByQuery('B', [
        { id: 'unit', value: 'short' },
        { id: 'custom.axisPlacement', value: 'right' },
      ])
    )
    .withPanel(
      lines({
        id: 24,
        title: { en: 'State and store', fr: 'État et stockage' },
        about: {
          en: 'How long ago the state file was written, and how old the newest sample of the embedded store is. Only where there are such.',
          fr: 'Depuis quand le fichier d’état est écrit, et l’âge de l’échantillon le plus récent du stockage intégré. Seulement là où il y en a.',
        },
        size: [8, 8],
        unit: 's',
        empty: NEVER,
        of: [
          [
            `time() - (darkshare_state_saved_timestamp_seconds{${PICKED}} > 0)`,
            { en: 'State saved {{instance}}', fr: 'État écrit {{instance}}' },
          ],
          [
            `time() - (darkshare_store_last_sample_timestamp_seconds{${PICKED}} > 0)`,
            { en: 'Newest sample {{instance}}', fr: 'Dernier échantillon {{instance}}' },
          ],
        ],
      })
    )
    .withPanel(
      lines({
        id: 25,
        title: { en: 'Trouble with state and store', fr: 'Ennuis d’état et de stockage' },
        about: {
          en: 'How often a second the state or samples could not be written, and samples lost for it. It should be none.',
          fr: 'Combien de fois par seconde l’état ou des échantillons n’ont pas pu être écrits, et les échantillons ainsi perdus. Il ne devrait pas y en avoir.',
        },
        size: [8, 8],
        unit: 'short',
        empty: NEVER,
        of: [
          [`sum(${rate('darkshare_state_save_errors_total')})`, { en: 'State not saved', fr: 'État non écrit' }],
          [
            `sum(${rate('darkshare_store_append_errors_total')})`,
            { en: 'Samples not stored', fr: 'Échantillons non stockés' },
          ],
          [`sum(${rate('darkshare_store_dropped_samples_total')})`, { en: 'Samples lost', fr: 'Échantillons perdus' }],
        ],
      })
    )
    .withPanel(
      p
        .framed(new table.PanelBuilder(), {
          id: 26,
          title: { en: 'Which versions run?', fr: 'Quelles versions tournent ?' },
          about: {
            en: 'The exporters and what they were built from.',
            fr: 'Les exporteurs et de quoi ils sont faits.',
          },
          size: [8, 8],
        })
        .datasource(server)
        .noValue(t(NO_LINES))
        .targets([
          promql(`max by (instance, version, revision, goversion) (darkshare_build_info{${PICKED}})`, '', 'A', true),
        ])
        .transformations([
          {
            id: 'organize',
            options: {
              excludeByName: { Time: true, Value: true },
              indexByName: { instance: 0, version: 1, revision: 2, goversion: 3 },
              renameByName: {
                instance: 'Instance',
                version: 'Version',
                revision: t({ en: 'Revision', fr: 'Révision' }),
                goversion: 'Go',
              },
            },
          },
        ])
    );

  /** A metric that every process has, of the processes that are darkshare. */
  function own(metric: string, perSecond = false): string {
    const value = perSecond ? rate(metric) : `${metric}{${PICKED}}`;
    return `${value} and on (job, instance) darkshare_build_info{${PICKED}}`;
  }

  /** A variable of a label's values; All is also what has no such label. */
  function picker(name: string, label: string, query: string): cog.Builder<dashboard.VariableModel> {
    return new dashboard.QueryVariableBuilder(name)
      .label(label)
      .datasource(server)
      .query({ query, refId: name, qryType: 5 })
      .definition(query)
      .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
      .sort(dashboard.VariableSort.AlphabeticalAsc)
      .includeAll(true)
      .allValue('.*')
      .multi(true)
      .current({ text: ['All'], value: ['$__all'] });
  }
}
