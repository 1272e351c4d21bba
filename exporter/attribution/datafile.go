package attribution

import (
	"embed"
	"encoding/json"
	"sync"
)

// The tables are written in YAML, in data, for people, with comments and sources.
// They are embedded as JSON, in tables, which is read in a fraction of the time:
// every start does. TestTables makes the ones of the others and holds them together.
//
//go:generate go test -run TestTables -update .
//go:embed tables
var tables embed.FS

// A dataFile is an embedded table. It is decoded when it is first asked for, and
// once. What it holds must not be changed.
type dataFile[T any] struct {
	name    string // as people know it: data/agents.yaml
	decoded func() (T, error)
}

// newDataFile returns the table of that name.
func newDataFile[T any](name string) dataFile[T] {
	return dataFile[T]{"data/" + name + ".yaml", sync.OnceValues(func() (file T, err error) {
		text, err := tables.ReadFile("tables/" + name + ".json")
		if err != nil {
			return file, err
		}
		return file, json.Unmarshal(text, &file)
	})}
}
