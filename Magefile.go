//go:build mage

// The project's commands: go tool mage -l lists them.
package main

import (
	"archive/zip"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/magefile/mage/mg"
	"github.com/magefile/mage/sh"
	"github.com/magefile/mage/target"
)

// Default is what `go tool mage` does without a target.
var Default = Build

const (
	binary = "dist/darkshare"
	// profile is of the way of a line, and guides the compiler
	// (https://go.dev/doc/pgo): 5 to 9 % less CPU time for a minute more of the first build.
	profile = "exporter/bench/replay.pgo"
)

// Build makes everything that is released: dist/darkshare, and the plugin.
func Build() { mg.SerialDeps(Binary, Plugin) }

// Binary makes dist/darkshare.
func Binary() error {
	version := "devel"
	if v, err := sh.Output("git", "describe", "--tags", "--always", "--dirty"); err == nil && v != "" {
		version = v
	}
	return sh.RunWithV(map[string]string{"CGO_ENABLED": "0"},
		"go", "build", "-trimpath", "-pgo", profile, "-ldflags", "-s -w -X main.version="+version, "-o", binary, "./exporter/cmd/darkshare")
}

// Profile measures anew what the compiler is guided by.
func Profile() error {
	return sh.RunV("go", "test", "-run", "^$", "-bench", "^BenchmarkEngine$", "-benchtime", "30s",
		"-cpuprofile", profile, "-o", "dist/pipeline.test", "./exporter/pipeline")
}

// module is the path that all of the module's packages begin with.
const module = "github.com/darkshare/darkshare/"

// serial are the packages that have hardly a goroutine of their own, and take minutes with
// the race detector.
var serial = []string{dataSource, "./dashboards", "./dashboards/backtest", "./dashboards/shift", "./exporter/simulate", "./packaging"}

// dataSource is among them for its history, which takes a minute and a half to make with the
// race detector; what it does at the same time is in handled, which needs none.
const (
	dataSource = "./plugin/pkg/datasource"
	handled    = "Connection|Headers|Proxy|Health|Trouble|Unreachable|WrongModels|Parallel|Cancel|NoSecrets"
)

// longest are the packages whose tests begin first: they would go on alone at the end.
var longest = []string{"./exporter/cmd/darkshare", "./exporter/e2e", "./exporter/history"}

// measured are the tests that want a processor for themselves.
const measured = "Flood|ScrapeUnderLoad|Alloc|Accuracy|Speed"

// Test checks the code and runs every test: with the race detector where there is
// concurrency, and once more without it what it is too slow or too greedy for: the
// flood at its full size, the time of a scrape, what is allocated, how near the
// estimates are, how fast the plugin answers. That goes one package at a time, so that none slows down what
// another one measures.
func Test() error {
	mg.SerialDeps(Lint, Binary, PluginTest)
	list, err := sh.Output("go", "list", "./...")
	if err != nil {
		return err
	}
	race := append([]string{"test", "-race", "-timeout", "20m"}, longest...)
	if cgo, err := sh.Output("go", "env", "CGO_ENABLED"); err != nil {
		return err
	} else if cgo != "1" {
		fmt.Println("No C compiler, so no race detector: on Debian, apt-get install gcc libc6-dev.")
		// The detector leaves out what is measured below.
		race[1] = "-skip=" + measured
	}
	for _, p := range strings.Fields(list) {
		if p = "./" + strings.TrimPrefix(p, module); !slices.Contains(serial, p) && !slices.Contains(longest, p) {
			race = append(race, p)
		}
	}
	if err := sh.RunV("go", race...); err != nil {
		return err
	}
	if err := sh.RunV("go", "test", race[1], "-timeout", "20m", "-run", handled, dataSource); err != nil {
		return err
	}
	if err := sh.RunV("go", append([]string{"test", "-timeout", "20m", "-skip", measured}, serial...)...); err != nil {
		return err
	}
	return sh.RunV("go", "test", "-p", "1", "-timeout", "20m", "-run", measured, "./exporter/...", "./plugin/...")
}

// Lint runs gofmt, go vet and staticcheck.
func Lint() error {
	unformatted, err := sh.Output("gofmt", "-l", "deploy", "docs", "exporter", "dashboards", "packaging", "plugin/pkg", "Magefile.go")
	if err != nil {
		return err
	}
	if unformatted != "" {
		return fmt.Errorf("gofmt would change:\n%s", unformatted)
	}
	if err := sh.RunV("go", "vet", "./..."); err != nil {
		return err
	}
	if err := sh.RunV("go", "vet", "-tags", "mage", "Magefile.go"); err != nil {
		return err
	}
	return sh.RunV("go", "tool", "staticcheck", "./...")
}

// platforms are what the plugin's back end is built for.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

// Plugin makes plugin/dist, the Grafana plugin, and a zip of it in dist.
func Plugin() error {
	mg.SerialDeps(pluginFront)
	for _, platform := range platforms {
		if err := pluginBack(platform); err != nil {
			return err
		}
	}
	if err := datePlugin(); err != nil {
		return err
	}
	return zipPlugin()
}

// PluginTest builds the plugin for this machine and runs the tests of its front end, and
// looks over what the dashboards are made from.
func PluginTest() error {
	mg.SerialDeps(pluginFront)
	if err := pluginBack(runtime.GOOS + "/" + runtime.GOARCH); err != nil {
		return err
	}
	for _, script := range []string{"typecheck", "lint", "test", "test:browser"} {
		if err := npm("plugin", "run", script); err != nil {
			return err
		}
	}
	if err := npmInstall("dashboards"); err != nil {
		return err
	}
	return npm("dashboards", "run", "lint")
}

// pluginFront installs what package-lock.json says, where it is not there, and bundles the front end.
func pluginFront() error {
	if err := npmInstall("plugin"); err != nil {
		return err
	}
	return npm("plugin", "run", "build")
}

// npmInstall installs what a package-lock.json says, where it is not there.
func npmInstall(dir string) error {
	stale, err := target.Path(dir+"/node_modules/.package-lock.json", dir+"/package-lock.json")
	if err != nil || !stale {
		return err
	}
	return npm(dir, "ci", "--no-audit", "--no-fund")
}

func npm(dir string, args ...string) error {
	return sh.RunV("npm", append([]string{"--prefix", dir}, args...)...)
}

func pluginBack(platform string) error {
	system, arch, _ := strings.Cut(platform, "/")
	name := "plugin/dist/gpx_darksocial_" + system + "_" + arch
	if system == "windows" {
		name += ".exe"
	}
	return sh.RunWithV(map[string]string{"CGO_ENABLED": "0", "GOOS": system, "GOARCH": arch},
		"go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", name, "./plugin/pkg")
}

// datePlugin writes the day of the commit into plugin.json, where the scaffold writes the
// day of the build.
func datePlugin() error {
	const name = "plugin/dist/plugin.json"
	day, err := sh.Output("git", "log", "-1", "--format=%cs")
	if err != nil {
		return nil // no repository: the day of the build it is
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	text = regexp.MustCompile(`"updated": "[0-9-]*"`).ReplaceAll(text, []byte(`"updated": "`+day+`"`))
	return os.WriteFile(name, text, 0o644)
}

// zipPlugin makes the archive that Grafana installs: the same bytes from the same files.
func zipPlugin() error {
	const id = "darkshare-darksocial-datasource"
	if err := os.MkdirAll("dist", 0o755); err != nil {
		return err
	}
	f, err := os.Create("dist/" + id + ".zip")
	if err != nil {
		return err
	}
	defer f.Close()
	w := zip.NewWriter(f)
	err = filepath.WalkDir("plugin/dist", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel("plugin/dist", path)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: id + "/" + filepath.ToSlash(name), Method: zip.Deflate}
		header.SetMode(info.Mode())
		to, err := w.CreateHeader(header)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = to.Write(data)
		return err
	})
	return errors.Join(err, w.Close(), f.Close())
}

// Package makes dist/release: binaries for all platforms in archives, deb, rpm, SBOMs,
// checksums, and the plugin's zip. VERIFY=1 builds every binary a second time, elsewhere
// and without a cache, and compares.
func Package() error {
	mg.SerialDeps(Plugin)
	args := []string{"-C", "packaging", "run", ".", "-plugin", "../dist/darkshare-darksocial-datasource.zip"}
	if os.Getenv("VERIFY") != "" {
		args = append(args, "-verify")
	}
	return sh.RunV("go", args...)
}

// Bench measures replay against splitting fields and counting lines, and the hot path.
func Bench() error {
	mg.Deps(Binary)
	if err := sh.RunV("go", "run", "./exporter/bench", "-darkshare", binary); err != nil {
		return err
	}
	return sh.RunV("go", "test", "-run", "^$", "-bench", ".", "-benchmem",
		"./exporter/accesslog", "./exporter/attribution", "./exporter/visit", "./exporter/pipeline")
}

// BenchHistory measures replay into a store, of 10,000,000 lines in four weeks.
func BenchHistory() error {
	mg.Deps(Binary)
	return sh.RunV("go", "run", "./exporter/bench", "-darkshare", binary, "-history", "-lines", "10000000", "-rounds", "3")
}

// Fuzz runs every fuzz target for a while: FUZZTIME, or 30s. What one finds is made smaller
// in a few tries only, since a whole log's walk takes its time.
func Fuzz() error {
	mg.Deps(Binary)
	duration := os.Getenv("FUZZTIME")
	if duration == "" {
		duration = "30s"
	}
	var files []string
	for _, root := range []string{"dashboards", "exporter", "plugin/pkg"} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			if strings.HasSuffix(path, "_test.go") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			name, ok := strings.CutPrefix(line, "func Fuzz")
			if !ok {
				continue
			}
			name, _, _ = strings.Cut(name, "(")
			err := sh.RunV("go", "test", "./"+filepath.Dir(file), "-run", "^$", "-fuzz", "^Fuzz"+name+"$", "-fuzztime", duration, "-fuzzminimizetime", "10x")
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Soak runs darkshare under a steady load with hostile lines, rotations, reloads and
// scrapes, and expects memory, descriptors and goroutines to stay as they are.
// DARKSHARE_SOAK says for how long, 20m unless it is set, and DARKSHARE_SOAK_RATE how many
// lines a second.
func Soak() error {
	return measure("TestSoak", "DARKSHARE_SOAK", "20m")
}

// Sizing measures what darkshare takes of processor and memory, for docs/operations.md.
func Sizing() error {
	return measure("TestSizing", "DARKSHARE_SIZING", "1")
}

// measure runs a test of the binary that takes too long for every day, and that a
// variable switches on.
func measure(test, variable, value string) error {
	mg.Deps(Binary)
	path, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	return sh.RunWithV(map[string]string{"DARKSHARE_BINARY": path, variable: cmp.Or(os.Getenv(variable), value)},
		"go", "test", "-count=1", "-timeout", "2h", "-v", "-run", "^"+test+"$", "./exporter/e2e")
}

// Chart holds the Helm chart against Helm and the types of Kubernetes. That is a module of its
// own, so that nobody who builds darkshare has to fetch and build these.
func Chart() error {
	if err := sh.RunV("go", "-C", "deploy/helm/check", "vet", "./..."); err != nil {
		return err
	}
	return sh.RunV("go", "-C", "deploy/helm/check", "test", "./...")
}

// Backtest measures how soon shifts are found, and how often one is that is none, for
// docs/shifts.md.
func Backtest() error {
	return sh.RunV("go", "run", "./dashboards/backtest")
}

// Dashboards makes dashboards/*.json from dashboards/src.
func Dashboards() error {
	// The questions' types are the plugin's, and come with its packages.
	for _, dir := range []string{"plugin", "dashboards"} {
		if err := npmInstall(dir); err != nil {
			return err
		}
	}
	return npm("dashboards", "run", "generate")
}

// Demo simulates a site's traffic and shows what darkshare says of it, until Ctrl-C.
func Demo() error {
	mg.Deps(Binary)
	cmd := exec.Command(binary, "demo")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// Evaluate prints how well darkshare attributes, on the corpora and on simulated traffic.
func Evaluate() error {
	return sh.RunV("go", "test", "-v", "-count=1", "-run", "Corpus|Accuracy", "./exporter/attribution", "./exporter/evaluate")
}
