package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"

	darkrules "github.com/darkshare/darkshare/dashboards/rules"
)

// The file names under which the API shows darkshare's own rules. They must not change: a
// group's phase within its interval is drawn from them, and with it the times of the
// recorded samples.
//
// The numbers were sought so that, with samples up to a minute late, the hourly group is
// evaluated for 20 ms before each full hour, and the shift scores for a millisecond before
// every fifth minute: a day's hours are then those of the day.
const (
	embedded      = "darkshare:" + darkrules.Recording + "#47582"
	embeddedShift = "darkshare:" + darkrules.Shift + "#574011"
)

// own are the embedded files by these names.
var own = map[string]string{embedded: darkrules.Recording, embeddedShift: darkrules.Shift}

// A loader reads darkshare's own rules from the binary, the user's from their files.
type loader struct {
	parser parser.Parser
	logger *slog.Logger
}

func (l loader) Load(file string, ignoreUnknown bool, names model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	name, ok := own[file]
	if !ok {
		return rulefmt.ParseFile(file, ignoreUnknown, names, l.parser, l.logger)
	}
	b, err := darkrules.Files.ReadFile(name)
	if err != nil {
		return nil, []error{err}
	}
	return rulefmt.Parse(b, ignoreUnknown, names, l.parser, l.logger)
}

func (l loader) Parse(query string) (parser.Expr, error) { return l.parser.ParseExpr(query) }

// startRules evaluates darkshare's rules, and the user's, until the store is closed.
// An alerting rule of the user's shows in the API; there is nobody to send it to.
func (s *Store) startRules() error {
	load := loader{parser.NewParser(parser.Options{}), s.logger}
	for _, file := range s.options.RuleFiles {
		// The manager only logs what is wrong.
		if _, errs := load.Load(file, false, model.UTF8Validation); len(errs) > 0 {
			return fmt.Errorf("read the rules: %w", errors.Join(errs...))
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	manager := rules.NewManager(&rules.ManagerOptions{
		Context:                ctx,
		ExternalURL:            &url.URL{},
		QueryFunc:              rules.EngineQueryFunc(s.engine, s.db),
		NotifyFunc:             func(context.Context, string, ...*rules.Alert) {},
		Appendable:             s,
		Queryable:              s.db,
		Logger:                 s.logger,
		Registerer:             s.registry.orNil(),
		OutageTolerance:        time.Hour,
		ForGracePeriod:         10 * time.Minute,
		ResendDelay:            time.Minute,
		GroupLoader:            load,
		DefaultRuleQueryOffset: func() time.Duration { return s.options.LateBy },
		Parser:                 load.parser,
	})
	s.manager = manager
	files := append([]string{embedded, embeddedShift}, s.options.RuleFiles...)
	if s.options.Replay {
		stop()
		return s.loadRules(files)
	}
	if err := manager.Update(s.options.Interval, files, labels.EmptyLabels(), "", nil); err != nil {
		stop()
		return fmt.Errorf("load the rules: %w", err)
	}
	s.stop = stop
	s.ruling.Go(manager.Run)
	return nil
}

// loadRules reads the rules for Backfill alone, in the manager's order.
func (s *Store) loadRules(files []string) error {
	groups, errs := s.manager.LoadGroups(s.options.Interval, labels.EmptyLabels(), "", nil, false, files...)
	if len(errs) > 0 {
		return fmt.Errorf("load the rules: %w", errors.Join(errs...))
	}
	s.groups = slices.SortedFunc(maps.Values(groups), func(a, b *rules.Group) int {
		return cmp.Or(cmp.Compare(a.File(), b.File()), cmp.Compare(a.Name(), b.Name()))
	})
	return nil
}

func (s *Store) ruleGroups() []*rules.Group {
	if s.options.Replay {
		return s.groups
	}
	return s.manager.RuleGroups()
}
