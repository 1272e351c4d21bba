import { address, shell, shiftMarks, source, variable } from './shell';
import { NOTHING_SHARED, SENDERS, SHORT_WAYS, WAYS } from './meaning';
import { Panels } from './panel';
import { Language } from './text';
import { COLOURS } from './words';

/** For marketers: how much is shared in private, through what, where to, and what came of it. */
export function overview(language: Language) {
  const p = new Panels(language);
  return shell(
    {
      name: 'overview',
      title: { en: 'Dark social, overview', fr: 'Dark social, vue d’ensemble' },
      about: {
        en: 'How much of the traffic is shared in private, through which apps, which pages, and whether it converts.',
        fr: 'Quelle part du trafic est partagée en privé, par quelles applications, quelles pages, et si elle convertit.',
      },
      from: 'now-7d',
      refresh: '5m',
    },
    language
  )
    .withVariable(variable('site', language))
    .withVariable(variable('device', language))
    .withVariable(source(language))
    .annotation(shiftMarks(['site', 'device'], language))

    .withPanel(
      p.numbers({
        id: 1,
        title: { en: 'How much is shared in private?', fr: 'Combien en privé ?' },
        about: {
          en: 'Of all visits in the time range, those that come from links people sent each other: the best estimate.',
          fr: 'De toutes les visites de la période, celles qui viennent de liens que des gens se sont envoyés : la meilleure estimation.',
        },
        size: [6, 5],
        ask: { question: 'darkShare', over: 'range', variables: ['site', 'device'] },
        of: ['Dark share'],
        looks: [['Dark share', { color: { mode: 'fixed', fixedColor: COLOURS.dark_social } }]],
      })
    )
    .withPanel(
      p.numbers({
        id: 2,
        title: { en: 'And of all that people share?', fr: 'Et de tout ce qui est partagé ?' },
        about: {
          en: 'Of the visits from private sharing and from public social networks together, those from private sharing.',
          fr: 'Des visites venues du partage privé et des réseaux sociaux publics ensemble, celles du partage privé.',
        },
        size: [6, 5],
        ask: { question: 'darkShare', of: 'social', over: 'range', variables: ['site', 'device'] },
        of: ['Dark share'],
        looks: [['Dark share', { color: { mode: 'fixed', fixedColor: COLOURS.dark_social } }]],
      })
    )
    .withPanel(
      p.gauge({
        id: 3,
        title: { en: 'How sure is that?', fr: 'Est-ce sûr ?' },
        about: {
          en: 'The three numbers of the dark share, of all visits: what is known, the estimate, and the most that it could be.',
          fr: 'Les trois nombres de la part privée, de toutes les visites : ce qui est connu, l’estimation, et le plus que ce pourrait être.',
        },
        size: [7, 5],
        ask: { question: 'darkShare', over: 'range', variables: ['site', 'device'] },
        of: ['Known', 'Dark share', 'At most'],
        looks: [
          ['Known', { color: { mode: 'fixed', fixedColor: '#A34700' } }],
          ['At most', { color: { mode: 'fixed', fixedColor: COLOURS.direct } }],
        ],
      })
    )
    .withPanel(
      p.numbers({
        id: 4,
        title: { en: 'Of how many visits?', fr: 'Sur combien de visites ?' },
        about: {
          en: 'Visits by people in the time range: bots and reloads are left out. Private visits are the estimate.',
          fr: 'Les visites de personnes sur la période, sans robots ni rechargements. Les visites privées sont l’estimation.',
        },
        size: [5, 5],
        ask: { question: 'darkShare', over: 'range', variables: ['site', 'device'] },
        of: ['Private visits', 'Visits'],
        vertical: true,
        looks: [['Private visits', { color: { mode: 'fixed', fixedColor: COLOURS.dark_social } }]],
      })
    )
    .withPanel(
      p.words({
        id: 5,
        title: { en: 'What do the three numbers mean?', fr: 'Que veulent dire les trois nombres ?' },
        about: { en: 'How to read the dark share.', fr: 'Comment lire la part privée.' },
        size: [24, 5],
        text: {
          en: `Most links are shared in private: in messengers, by mail, by text message. Such a visit comes without a sender, and web analytics books it as “Direct”. So its share is always three numbers:

- **Known**: the visit itself shows it, by an app’s browser, a tag in the link, a mail service.
- **Dark share**: the best estimate. It adds visits without a sender on pages whose address nobody types.
- **At most**: adds every visit that could be private, typed addresses included.`,
          fr: `La plupart des liens se partagent en privé : messageries, e-mail, SMS. Une telle visite arrive sans expéditeur, et vos statistiques l’appellent « Direct ». La part est donc toujours trois nombres :

- **Connu** : la visite elle-même le montre, par le navigateur d’une application, une marque dans le lien, un service de courrier.
- **Part privée** : la meilleure estimation. Elle ajoute les visites sans expéditeur sur des pages dont personne ne tape l’adresse.
- **Au plus** : ajoute toute visite qui pourrait être privée, adresses tapées comprises.`,
        },
      })
    )

    .withRow(p.row(6, { en: 'Over time', fr: 'Au fil du temps' }))
    .withPanel(
      p.lines({
        id: 7,
        title: { en: 'How did the dark share go?', fr: 'Comment évolue la part privée ?' },
        about: {
          en: 'Of all visits: the estimate as a line, from what is known to the most that it could be as a band, and the visits as bars. Marks are shifts.',
          fr: 'De toutes les visites : l’estimation en courbe, de ce qui est connu au maximum possible en bande, et les visites en barres. Les marques sont des écarts.',
        },
        size: [12, 10],
        ask: { question: 'darkShare', variables: ['site', 'device'] },
      })
    )
    .withPanel(
      p.lines({
        id: 8,
        title: { en: 'And of all that people share?', fr: 'Et de tout ce qui est partagé ?' },
        about: {
          en: 'The same, of the visits from private sharing and from public social networks together.',
          fr: 'De même, des visites venues du partage privé et des réseaux sociaux publics ensemble.',
        },
        size: [12, 10],
        ask: { question: 'darkShare', of: 'social', variables: ['site', 'device'] },
      })
    )
    .withPanel(
      p.rows({
        id: 9,
        title: { en: 'What changed, in words?', fr: 'Qu’est-ce qui a changé, en clair ?' },
        about: {
          en: 'When the dark share was not what the same hours of the weeks before had, and by how much. Nothing here: nothing out of the ordinary.',
          fr: 'Quand la part privée n’était pas celle des mêmes heures des semaines précédentes, et de combien. Rien ici : rien qui sorte de l’ordinaire.',
        },
        size: [18, 6],
        empty: {
          en: 'Nothing out of the ordinary in this time range.',
          fr: 'Rien qui sorte de l’ordinaire sur cette période.',
        },
        ask: { question: 'shift', by: 'site', over: 'range', variables: ['site', 'device'] },
        told: true,
        columns: ['time', 'text'],
        looks: p.toldLooks(),
      })
    )
    .withPanel(
      p.numbers({
        id: 10,
        title: { en: 'And a week before?', fr: 'Et une semaine plus tôt ?' },
        about: {
          en: 'The same numbers for the same hours seven days earlier.',
          fr: 'Les mêmes nombres pour les mêmes heures sept jours plus tôt.',
        },
        size: [6, 6],
        ask: { question: 'darkShare', over: 'range', variables: ['site', 'device'] },
        of: ['Dark share', 'Private visits', 'Visits'],
        vertical: true,
        timeShift: '7d',
        looks: [
          ['Dark share', { color: { mode: 'fixed', fixedColor: COLOURS.dark_social } }],
          ['Private visits', { color: { mode: 'fixed', fixedColor: COLOURS.dark_social } }],
        ],
      })
    )

    .withRow(p.row(11, { en: 'Who sends the visits', fr: 'Qui envoie les visites' }))
    .withPanel(
      p.lines({
        id: 12,
        title: { en: 'Who sent the visits?', fr: 'Qui a envoyé les visites ?' },
        about: {
          en: 'The share of each channel in all visits, over time.',
          fr: 'La part de chaque canal dans toutes les visites, au fil du temps.',
        },
        size: [14, 10],
        ask: { question: 'visits', by: 'channel', as: 'share', variables: ['site', 'device'] },
        stacked: 'normal',
        max: 1,
      })
    )
    .withPanel(
      p.bars({
        id: 13,
        title: { en: 'How many, by channel?', fr: 'Combien, par canal ?' },
        about: { en: 'Visits in the time range by channel.', fr: 'Les visites de la période par canal.' },
        size: [10, 10],
        ask: { question: 'visits', by: 'channel', over: 'range', variables: ['site', 'device'] },
        by: 'Channel',
        of: 'Visits',
        unit: 'locale',
        colours: SENDERS,
      })
    )
    .withPanel(
      p.bars({
        id: 15,
        title: { en: 'What was it that analytics calls Direct?', fr: 'Qu’y a-t-il dans « Direct » ?' },
        about: {
          en: 'Visits without a referrer, which web analytics books as Direct, by what they were.',
          fr: 'Les visites sans page d’origine, que vos statistiques rangent sous « Direct », selon ce qu’elles étaient.',
        },
        size: [12, 7],
        ask: { question: 'direct', over: 'range', variables: ['site', 'device'] },
        by: 'What it was',
        of: 'Visits',
        unit: 'locale',
        colours: WAYS,
        short: SHORT_WAYS,
      })
    )
    .withPanel(
      p.rows({
        id: 16,
        title: { en: 'On which devices?', fr: 'Sur quels appareils ?' },
        about: {
          en: 'The dark share of the visits on each kind of device.',
          fr: 'La part privée des visites sur chaque sorte d’appareil.',
        },
        size: [12, 7],
        ask: { question: 'darkShare', by: 'device', over: 'range', variables: ['site', 'device'] },
        columns: ['Device', 'Dark share', 'Private visits', 'Visits'],
        looks: p.shareLooks(),
      })
    )
    .withPanel(
      p.bars({
        id: 14,
        title: { en: 'Through which apps?', fr: 'Par quelles applications ?' },
        about: {
          en: 'Private visits by the app or mail service that showed itself. Most never do: their app is not known, and they are left out here.',
          fr: 'Les visites privées par l’application ou le service de courrier qui s’est montré. La plupart ne le font pas : leur application est inconnue, elles ne sont pas ici.',
        },
        size: [12, 10],
        ask: {
          question: 'visits',
          by: 'source',
          over: 'range',
          limit: 13,
          variables: ['site', 'device'],
          only: { channel: ['dark_social'] },
        },
        by: 'Source',
        of: 'Visits',
        unit: 'locale',
        without: ['Not known', 'All others'],
        empty: {
          en: 'No app showed itself in this time range. Choose a longer one.',
          fr: 'Aucune application ne s’est montrée sur cette période. Choisissez-en une plus longue.',
        },
      })
    )
    .withPanel(
      p.rows({
        id: 17,
        title: { en: 'In which sections? (all devices)', fr: 'Dans quelles rubriques ? (tous les appareils)' },
        about: {
          en: 'The dark share of the visits to the largest sections of the site. Sections are not counted by device.',
          fr: 'La part privée des visites aux plus grandes rubriques du site. Les rubriques ne sont pas comptées par appareil.',
        },
        size: [12, 10],
        ask: { question: 'darkShare', by: 'section', over: 'range', limit: 7, variables: ['site'] },
        columns: ['Section', 'Dark share', 'Private visits', 'Visits'],
        looks: p.shareLooks(),
      })
    )

    .withRow(p.row(18, { en: 'Pages and conversions, on all devices', fr: 'Pages et conversions, tous appareils' }))
    .withPanel(
      p.rows({
        id: 19,
        title: { en: 'Which pages go round in private?', fr: 'Quelles pages circulent en privé ?' },
        about: {
          en: 'The pages with the most private visits, how often each was shared, and the change against the time of the same length before. A click on a page shows it in depth.',
          fr: 'Les pages qui ont le plus de visites privées, combien de fois chacune a été partagée, et l’évolution par rapport à la durée égale qui précède. Un clic sur une page la montre en détail.',
        },
        size: [24, 12],
        ask: { question: 'topPages', limit: 10, variables: ['site'] },
        columns: [
          'Site',
          'Page',
          'Private visits',
          'Visits',
          'Dark share',
          'Shares',
          'Private visits per share',
          'Change',
        ],
        looks: p.pageLooks(address('pages', language)),
        narrow: true,
      })
    )
    .withPanel(
      p.rows({
        id: 20,
        title: { en: 'Does private sharing convert?', fr: 'Le partage privé convertit-il ?' },
        about: {
          en: 'How many visits of each channel reached a goal, and how that compares with the others, with the interval that chance alone explains.',
          fr: 'Combien de visites de chaque canal ont atteint un objectif, comparé aux autres, avec l’intervalle que le hasard seul explique.',
        },
        size: [24, 10],
        empty: NOTHING_SHARED.goals,
        ask: { question: 'conversions', by: 'channel', variables: ['site'] },
        columns: ['Channel', 'Visits', 'Conversions', 'Conversion rate', 'In words'],
        narrow: true,
        looks: [
          ['Conversions', { 'custom.width': 115 }],
          ['Conversion rate', { 'custom.width': 115 }],
          [
            'In words',
            { 'custom.width': null, 'custom.minWidth': 300, 'custom.cellOptions': { type: 'auto', wrapText: true } },
          ],
        ],
      })
    );
}
