import { NOTHING_SHARED } from './meaning';
import { Panels } from './panel';
import { address, shell, shiftMarks, source, variable } from './shell';
import { Language, Text } from './text';

const empty: Text = NOTHING_SHARED.pages;

/** One page, section or site in depth. */
export function pages(language: Language) {
  const p = new Panels(language);
  return shell(
    {
      name: 'pages',
      title: { en: 'Dark social, pages', fr: 'Dark social, les pages' },
      about: {
        en: 'One page or section in depth: how often it is shared, what that brings, and when.',
        fr: 'Une page ou une rubrique en détail : combien elle est partagée, ce que cela amène, et quand.',
      },
      from: 'now-7d',
      refresh: '5m',
    },
    language
  )
    .withVariable(variable('site', language))
    .withVariable(variable('page', language))
    .withVariable(variable('section', language))
    .withVariable(source(language))
    .annotation(shiftMarks(['site'], language))

    .withPanel(
      p.rows({
        id: 1,
        title: { en: 'Which pages go round in private?', fr: 'Quelles pages circulent en privé ?' },
        about: {
          en: 'The pages with the most private visits on the chosen sites. The change is against the time of the same length before; a page that had almost no private visits then has none. A click on a page shows it below.',
          fr: 'Les pages qui ont le plus de visites privées sur les sites choisis. L’évolution est par rapport à la durée égale qui précède ; une page qui n’avait alors presque pas de visites privées n’en a pas. Un clic sur une page la montre plus bas.',
        },
        size: [24, 13],
        ask: { question: 'topPages', limit: 25, variables: ['site'] },
        columns: [
          'Page',
          'Site',
          'Private visits',
          'Change',
          'Visits',
          'Dark share',
          'Shares',
          'Private visits per share',
        ],
        looks: p.pageLooks(address('pages', language)),
        narrow: true,
      })
    )

    .withRow(p.row(2, { en: 'The page: $page', fr: 'La page : $page' }))
    .withPanel(
      p.numbers({
        id: 3,
        title: { en: 'How much of it is private?', fr: 'Quelle part en est privée ?' },
        about: {
          en: 'The visits that begin on the chosen page, in the time range, and how many of them come from private sharing.',
          fr: 'Les visites qui commencent sur la page choisie, sur la période, et combien d’entre elles viennent du partage privé.',
        },
        size: [12, 4],
        empty,
        ask: { question: 'darkShare', over: 'range', variables: ['site', 'page'] },
        of: ['Dark share', 'Private visits', 'Visits'],
      })
    )
    .withPanel(
      p.numbers({
        id: 4,
        title: { en: 'What does a share bring?', fr: 'Qu’amène un partage ?' },
        about: {
          en: 'How often a link to the page was pasted into an app that shows previews, and how many private visits there were for each of these shares. Most apps show no preview, so that this is more than one share really brings.',
          fr: 'Combien de fois un lien vers la page a été collé dans une application qui montre des aperçus, et combien de visites privées il y a eu pour chacun de ces partages. La plupart des applications n’en montrent pas : c’est donc plus que ce qu’un partage amène vraiment.',
        },
        size: [12, 4],
        empty,
        ask: { question: 'shares', over: 'range', variables: ['site', 'page'] },
        of: ['Shares', 'Private visits per share'],
      })
    )
    .withPanel(
      p.lines({
        id: 5,
        title: { en: 'Private or not, hour by hour', fr: 'En privé ou non, heure par heure' },
        about: {
          en: 'The visits that begin on the page. Of one page it is counted which are private, of all pages together who sent the others, too.',
          fr: 'Les visites qui commencent sur la page. Pour une page on compte lesquelles sont privées, pour toutes ensemble aussi qui a envoyé les autres.',
        },
        size: [12, 9],
        empty,
        interval: '1h',
        bars: true,
        stacked: 'normal',
        ask: { question: 'visits', by: 'channel', variables: ['site', 'page'] },
      })
    )
    .withPanel(
      p.lines({
        id: 6,
        title: { en: 'Shares, hour by hour', fr: 'Partages, heure par heure' },
        about: {
          en: 'Link previews that apps fetched for the page. They come minutes before the visits: a rise here is the first sign that a page begins to go round.',
          fr: 'Les aperçus que les applications ont demandés pour la page. Ils précèdent les visites de quelques minutes : une hausse ici est le premier signe qu’une page commence à circuler.',
        },
        size: [12, 9],
        empty,
        interval: '1h',
        bars: true,
        legend: false,
        colour: 'dark_social',
        ask: { question: 'shares', variables: ['site', 'page'] },
      })
    )
    .withPanel(
      p.lines({
        id: 7,
        title: { en: 'How does the dark share of the page go?', fr: 'Comment évolue la part privée de la page ?' },
        about: {
          en: 'The estimate as a line, with the visits as bars. With few visits it jumps.',
          fr: 'L’estimation en courbe, les visites en barres. Avec peu de visites, elle saute.',
        },
        size: [24, 8],
        empty,
        sparse: true,
        ask: { question: 'darkShare', variables: ['site', 'page'] },
      })
    )

    .withRow(p.row(8, { en: 'The sections: $section', fr: 'Les rubriques : $section' }))
    .withPanel(
      p.lines({
        id: 9,
        title: { en: 'How does the dark share go there?', fr: 'Comment y évolue la part privée ?' },
        about: {
          en: 'The dark share of the visits that begin in the chosen sections: the estimate as a line, up to the most that it could be as a band, the visits as bars.',
          fr: 'La part privée des visites qui commencent dans les rubriques choisies : l’estimation en courbe, jusqu’au maximum possible en bande, les visites en barres.',
        },
        size: [12, 9],
        ask: { question: 'darkShare', variables: ['site', 'section'] },
      })
    )
    .withPanel(
      p.lines({
        id: 10,
        title: { en: 'Who sent the visits there?', fr: 'Qui y a envoyé les visites ?' },
        about: {
          en: 'The share of each channel in the visits that begin in the chosen sections.',
          fr: 'La part de chaque canal dans les visites qui commencent dans les rubriques choisies.',
        },
        size: [12, 9],
        stacked: 'normal',
        max: 1,
        ask: { question: 'visits', by: 'channel', as: 'share', variables: ['site', 'section'] },
      })
    )
    .withPanel(
      p.rows({
        id: 11,
        title: { en: 'Which sections are shared in private?', fr: 'Quelles rubriques sont partagées en privé ?' },
        about: {
          en: 'The visits that begin in each section. From and to: chance alone explains a share between these two.',
          fr: 'Les visites qui commencent dans chaque rubrique. De et à : le hasard seul explique une part entre ces deux.',
        },
        size: [24, 9],
        ask: { question: 'darkShare', by: 'section', over: 'range', limit: 20, variables: ['site', 'section'] },
        columns: ['Section', 'Dark share', 'From (95 %)', 'To (95 %)', 'Private visits', 'Visits'],
        looks: p.shareLooks(),
      })
    )

    .withRow(p.row(12, { en: 'The sites: $site', fr: 'Les sites : $site' }))
    .withPanel(
      p.bars({
        id: 13,
        title: { en: 'Through which apps do the visits come?', fr: 'Par quelles applications viennent les visites ?' },
        about: {
          en: 'Private visits to the chosen sites by the app or mail service that showed itself. Apps are not counted by page.',
          fr: 'Les visites privées aux sites choisis par l’application ou le service de courrier qui s’est montré. Les applications ne sont pas comptées par page.',
        },
        size: [12, 10],
        ask: {
          question: 'visits',
          by: 'source',
          over: 'range',
          limit: 13,
          variables: ['site'],
          only: { channel: ['dark_social'] },
        },
        by: 'Source',
        of: 'Visits',
        unit: 'locale',
        without: ['Not known', 'All others'],
      })
    )
    .withPanel(
      p.bars({
        id: 14,
        title: { en: 'Into which apps are links pasted?', fr: 'Dans quelles applications colle-t-on les liens ?' },
        about: {
          en: 'Link previews for the chosen sites by the app that fetched them.',
          fr: 'Les aperçus de liens des sites choisis par l’application qui les a demandés.',
        },
        size: [12, 10],
        empty: NOTHING_SHARED.shares,
        ask: { question: 'shares', by: 'app', over: 'range', limit: 12, variables: ['site'] },
        by: 'App',
        of: 'Shares',
        unit: 'locale',
        without: ['All others'],
      })
    );
}
