package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// namedTest is a test as docs/security.md and docs/privacy.md name it: its package below the
// repository's top, and its name.
var namedTest = regexp.MustCompile("`([a-z0-9/]+) ((?:Test|Fuzz)[A-Za-z0-9]+)`")

// TestNamedTests: the tests that are said to show that something is safe are there.
func TestNamedTests(t *testing.T) {
	for _, page := range []string{"security.md", "privacy.md"} {
		text, err := os.ReadFile(filepath.Join(root, "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		named := namedTest.FindAllStringSubmatch(string(text), -1)
		if len(named) == 0 {
			t.Errorf("%s names no test", page)
		}
		for _, m := range named {
			if !declared(t, filepath.Join(root, m[1]), m[2]) {
				t.Errorf("%s: there is no %s in %s", page, m[2], m[1])
			}
		}
	}
}

// declared reports whether a test file of the directory has the test.
func declared(t *testing.T, dir, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+test+"(") {
			return true
		}
	}
	return false
}

// decoders are names of what takes bytes apart.
var decoders = regexp.MustCompile(`^(Parse|Decode|Unmarshal|Compile|Detect|Restore|Load|Unwrap|Convert|Transcode)`)

// exempt are functions of such names that take nothing apart which others write.
var exempt = []string{
	"simulate.ParseFormat",        // a flag of a tool for tests
	"values.UnmarshalJSON",        // of question.Parse
	"codec.Unmarshal",             // copies a message
	"loader.Load", "loader.Parse", // Prometheus's own, for rule files
	"remoteTrouble.Unwrap", "tornError.Unwrap", "MappingError.Unwrap", // of errors
}

// TestDecodersAreFuzzed: each exported decoder stands in docs/security.md beside the target
// that fuzzes it, and each target stands there.
func TestDecodersAreFuzzed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "## Decoders")
	if !ok {
		t.Fatal("docs/security.md has no list of decoders")
	}
	found, targets := 0, 0
	for _, top := range []string{"exporter", filepath.Join("plugin", "pkg")} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			dir, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			for _, decl := range file.Decls {
				f, ok := decl.(*ast.FuncDecl)
				switch {
				case !ok:
				case strings.HasSuffix(path, "_test.go"):
					if strings.HasPrefix(f.Name.Name, "Fuzz") && f.Recv == nil {
						targets++
						if name := "`" + filepath.ToSlash(dir) + " " + f.Name.Name + "`"; !strings.Contains(table, name) {
							t.Errorf("%s is not in the list", name)
						}
					}
				case decoders.MatchString(f.Name.Name):
					name := decoderName(file.Name.Name, f)
					if slices.ContainsFunc(exempt, func(e string) bool { return strings.HasSuffix("."+name, "."+e) }) {
						continue
					}
					found++
					if !strings.Contains(table, "`"+name+"`") {
						t.Errorf("%s: %s is not in the list of decoders", dir, name)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 10 || targets < 30 {
		t.Errorf("only %d decoders and %d targets were found", found, targets)
	}
}

// decoderName is a function's name with its package's and its receiver's.
func decoderName(pkg string, f *ast.FuncDecl) string {
	if f.Recv != nil {
		typ := f.Recv.List[0].Type
		if star, ok := typ.(*ast.StarExpr); ok {
			typ = star.X
		}
		if ident, ok := typ.(*ast.Ident); ok {
			return pkg + "." + ident.Name + "." + f.Name.Name
		}
	}
	return pkg + "." + f.Name.Name
}
