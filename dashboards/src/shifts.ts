import { DISTANCES } from './meaning';
import { Panels } from './panel';
import { shell, shiftMarks, source, variable } from './shell';
import { Language } from './text';

/** When the dark share is not what it usually is at that hour of the week. */
export function shifts(language: Language) {
  const p = new Panels(language);
  return shell(
    {
      name: 'shifts',
      title: { en: 'Dark social, shifts', fr: 'Dark social, écarts' },
      about: {
        en: 'When the dark share is not what these hours of the week usually have: how far off, where, and what alerts say.',
        fr: 'Quand la part privée n’est pas celle que ces heures de la semaine ont d’habitude : de combien, où, et ce que disent les alertes.',
      },
      from: 'now-14d',
      refresh: '5m',
    },
    language
  )
    .withVariable(variable('site', language))
    .withVariable(variable('section', language))
    .withVariable(source(language))
    .annotation(shiftMarks(['site', 'section'], language))

    .withPanel(
      p.lines({
        id: 1,
        title: { en: 'Is the dark share what it usually is?', fr: 'La part privée est-elle celle d’habitude ?' },
        about: {
          en: 'The dark share of the last hours as a line, what the same hours of the weeks before had as a dashed one, and the band in which it usually is. Marks are shifts: outside of the band for hours, by an amount that matters.',
          fr: 'La part privée des dernières heures en courbe, celle des mêmes heures des semaines précédentes en pointillé, et la bande où elle est d’habitude. Les marques sont des écarts : hors de la bande pendant des heures, et d’une taille qui compte.',
        },
        size: [24, 11],
        ask: { question: 'shift', variables: ['site', 'section'] },
      })
    )
    .withPanel(
      p.rows({
        id: 2,
        title: { en: 'What shifted, in words?', fr: 'Qu’est-ce qui s’est écarté, en clair ?' },
        about: {
          en: 'Every shift in the time range: when, by how much, and through which app, where that can be seen.',
          fr: 'Chaque écart de la période : quand, de combien, et par quelle application, quand cela se voit.',
        },
        size: [24, 7],
        empty: {
          en: 'Nothing shifted in this time range. That is good news, or there are not yet two weeks of history.',
          fr: 'Aucun écart sur cette période. C’est bon signe, ou il n’y a pas encore deux semaines d’historique.',
        },
        ask: { question: 'shift', by: 'site', over: 'range', variables: ['site', 'section'] },
        told: true,
        columns: ['time', 'text', 'Dark share', 'Usual', 'Score'],
        looks: p.toldLooks(),
      })
    )
    .withPanel(
      p.strips({
        id: 3,
        title: { en: 'Which sites, and when?', fr: 'Quels sites, et quand ?' },
        about: {
          en: 'How far the dark share of each site is from the usual, in standard deviations: orange above, blue below, grey within. From 4 on it is a shift.',
          fr: 'À quelle distance de l’habitude est la part privée de chaque site, en écarts types : orange au-dessus, bleu au-dessous, gris dedans. À partir de 4, c’est un écart.',
        },
        size: [24, 6],
        ask: { question: 'shift', by: 'site', variables: ['site', 'section'] },
        steps: DISTANCES,
      })
    )
    .withPanel(
      p.strips({
        id: 4,
        title: { en: 'Which sections, and when?', fr: 'Quelles rubriques, et quand ?' },
        about: {
          en: 'The same for each section. A section with few visits an hour is never far off: chance explains it.',
          fr: 'De même pour chaque rubrique. Une rubrique qui a peu de visites par heure n’est jamais loin : le hasard l’explique.',
        },
        size: [24, 11],
        ask: { question: 'shift', by: 'section', limit: 12, variables: ['site', 'section'] },
        steps: DISTANCES,
      })
    )
    .withPanel(
      p.strips({
        id: 5,
        title: { en: 'Which devices, and when? (all sections)', fr: 'Quels appareils, et quand ? (toutes rubriques)' },
        about: {
          en: 'The same for each kind of device. A shift on all of them is people; on one it may be an app or a browser that changed.',
          fr: 'De même pour chaque sorte d’appareil. Un écart sur tous, ce sont des gens ; sur un seul, ce peut être une application ou un navigateur qui a changé.',
        },
        size: [14, 8],
        ask: { question: 'shift', by: 'device', variables: ['site'] },
        steps: DISTANCES,
      })
    )
    .withPanel(
      p.alerts({
        id: 6,
        title: { en: 'What do the alerts say?', fr: 'Que disent les alertes ?' },
        about: {
          en: 'The alert rules of this Grafana, and of the servers that it knows, whose name begins with Dark: those that fire first.',
          fr: 'Les règles d’alerte de ce Grafana, et des serveurs qu’il connaît, dont le nom commence par Dark : d’abord celles qui sont actives.',
        },
        size: [10, 8],
      })
    );
}
