package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/tally"
	"github.com/darkshare/darkshare/exporter/visit"
)

// sourceFlags are what the commands that read logs have in common.
type sourceFlags struct {
	config string
	format string
	site   string
}

func (f *sourceFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.config, "config", "c", "", "read the configuration from this YAML `file`")
	flags.StringVar(&f.format, "format", "", "the log's `format`, told from the first lines when not given: the proxy's own definition (nginx's\n"+
		"log_format, Apache's LogFormat, HAProxy's log-format with its captures, Envoy's text_format or json_format,\n"+
		"varnishncsa -F, lighttpd's accesslog.format, #Fields), or a name:\n"+wrapWords(accesslog.Names(), 100))
	flags.StringVar(&f.site, "site", "", "the site's `host`, such as example.com; its subdomains belong to it")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(accesslog.Names(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
}

// wrapWords lists words in lines of at most that many bytes.
func wrapWords(words []string, most int) string {
	var b strings.Builder
	width := 0
	for i, w := range words {
		if i > 0 {
			b.WriteByte(',')
			if width += len(w) + 2; width > most {
				b.WriteByte('\n')
				width = 0
			} else {
				b.WriteByte(' ')
			}
		}
		if width == 0 {
			width = len(w)
		}
		b.WriteString(w)
	}
	return b.String()
}

// load returns the configuration: the file's, with the flags above it.
func (f *sourceFlags) load() (*config.Config, error) {
	c := config.Default()
	if f.config != "" {
		loaded, err := config.Load(f.config)
		if err != nil {
			return nil, err
		}
		c = *loaded
	}
	if f.site != "" && f.find(&c) < 0 {
		host := strings.ToLower(f.site)
		c.Sites = append(c.Sites, config.Site{Name: host, Hosts: []string{host}, SiteRules: c.OtherSites})
	}
	return &c, nil
}

// find returns the index of the site that --site means, by its name or by one of
// its hosts, or -1.
func (f *sourceFlags) find(c *config.Config) int {
	if i := slices.IndexFunc(c.Sites, func(s config.Site) bool { return s.Name == f.site }); i >= 0 {
		return i
	}
	host := strings.ToLower(f.site)
	return slices.IndexFunc(c.Sites, func(s config.Site) bool { return slices.Contains(s.Hosts, host) })
}

// input returns the input of the command line: that of the configuration for its
// format, where it has only one.
func (f *sourceFlags) input(c *config.Config, name string) config.Input {
	in := config.Input{StartAt: "end"}
	if len(c.Inputs) == 1 {
		in = c.Inputs[0]
	}
	in.Name = name
	return f.over(c, in)
}

// over returns an input of a configuration that load returned, with the flags above it.
func (f *sourceFlags) over(c *config.Config, in config.Input) config.Input {
	if f.format != "" && f.format != in.Format {
		in.Format, in.Escape, in.JSON = f.format, "", nil
	}
	if f.site != "" {
		in.Site = c.Sites[f.find(c)].Name
	}
	return in
}

// engineOptions turns the configuration into what an engine works with.
func engineOptions(c *config.Config, log *slog.Logger) pipeline.Options {
	return pipeline.Options{
		Rules:    ruleOptions(c),
		Visit:    visitOptions(c),
		Sites:    c.Limits.Sites,
		Pages:    orNone(c.Limits.Pages),
		Sections: orNone(c.Limits.Sections),
		MaxLine:  c.Limits.LineBytes,
		Log:      log,
	}
}

// orNone returns a limit as package tally takes it, where 0 is the default.
func orNone(limit int) int {
	if limit == 0 {
		return tally.None
	}
	return limit
}

// pipelineInput compiles an input's format.
func pipelineInput(in config.Input) (pipeline.Input, error) {
	pin := pipeline.Input{Name: in.Name, Site: in.Site}
	if in.Kafka != nil && in.Format == config.ForwardedFormat {
		pin.Forwarded = true
		return pin, nil
	}
	if definition := formatOf(in); definition != "" || len(in.JSON) > 0 {
		format, err := accesslog.CompileOptions(definition, accesslog.Options{Escape: in.Escape, JSON: in.JSON})
		if err != nil {
			return pin, fmt.Errorf("format of input %s: %w", in.Name, err)
		}
		pin.Format = format
	}
	return pin, nil
}

func ruleOptions(c *config.Config) attribution.Options {
	o := attribution.Options{
		Default:        siteRules(c.OtherSites),
		ShareParameter: c.Rules.ShareParameter,
		MaskDigits:     c.Privacy.MaskDigits,
		MaskToken:      c.Privacy.MaskToken,
	}
	for _, s := range c.Sites {
		o.Sites = append(o.Sites, attribution.Site{Name: s.Name, Hosts: s.Hosts, SiteRules: siteRules(s.SiteRules)})
	}
	for _, r := range c.Rules.Hosts {
		o.Hosts = append(o.Hosts, attribution.HostRule{Host: r.Host, Channel: r.Channel.String(), Source: r.Source})
	}
	for _, r := range c.Rules.Agents {
		o.Agents = append(o.Agents, agentRule(r))
	}
	for _, r := range c.Rules.Tags {
		o.Tags = append(o.Tags, attribution.TagRule{Parameter: r.Parameter, Value: r.Value, Channel: r.Channel.String(), Source: r.Source})
	}
	return o
}

func agentRule(r config.AgentRule) attribution.AgentRule {
	out := attribution.AgentRule{Tokens: []string{r.Contains}, Class: r.Class, App: r.App}
	switch r.Class {
	case "in_app":
		out.Class, out.Channel = "inapp", r.Channel.String()
	case "mail":
		out.Channel = r.Channel.String()
	case "preview":
		out.Scope = r.Scope.String()
	}
	return out
}

func siteRules(r config.SiteRules) attribution.SiteRules {
	out := attribution.SiteRules{EntryPages: r.EntryPages, Excluded: r.Exclude, Sections: r.Sections}
	for _, g := range r.Goals {
		out.Goals = append(out.Goals, attribution.Goal{Name: g.Name, Path: g.Path})
	}
	return out
}

func visitOptions(c *config.Config) visit.Options {
	o := visit.Options{
		Window:   c.Visits.Window,
		Visitors: c.Limits.Visitors,
		Pending:  c.Limits.PendingLandings,
	}
	switch c.Visits.Confirmation {
	case "on":
		o.Confirmation = visit.ConfirmAlways
	case "off":
		o.Confirmation = visit.ConfirmNever
	}
	return o
}

// logger writes the program's own log, from that level on.
func logger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// warnings is the log of the commands whose output is the result.
func warnings() *slog.Logger { return logger(os.Stderr, "", slog.LevelWarn) }
