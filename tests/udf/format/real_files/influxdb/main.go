// Writes files in the formats of InfluxDB 1.8 and Flux by the code of InfluxDB itself, and the same points in its line
// protocol. Usage: go run . FOLDER
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/csv"
	"github.com/influxdata/flux/execute"
	"github.com/influxdata/flux/execute/executetest"
	"github.com/influxdata/influxdb/client"
	"github.com/influxdata/influxdb/cmd/influx/cli"
	"github.com/influxdata/influxdb/cmd/influx_inspect/export"
	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/influxdb/query"
	"github.com/influxdata/influxdb/services/httpd"
	"github.com/influxdata/influxdb/tsdb/engine/tsm1"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 123456789, time.UTC)

type series struct {
	name    string
	tags    map[string]string
	columns []string
	rows    [][]interface{}
}

// The columns of numbers hold 98.0, which JSON and CSV write as 98.
func data() []series {
	return []series{
		{"cpu", map[string]string{"host": "a", "region": "eu west"}, []string{"time", "n", "note", "up", "usage"}, [][]interface{}{
			{start, int64(9007199254740993), `say "hi", x`, true, 99.5},
			{start.Add(time.Second), int64(-1), nil, false, 98.0},
			{start.Add(2 * time.Second), nil, "two\nlines", nil, 97.5},
		}},
		{"cpu", map[string]string{"host": "b=1,c", "region": "us"}, []string{"time", "n", "note", "up", "usage"}, [][]interface{}{
			{start, int64(3), "é, 温", true, 98.0},
		}},
		{"mem", map[string]string{"host": "a"}, []string{"time", "free", "usage"}, [][]interface{}{
			{start, int64(1), 5e-324},
			{start.Add(time.Second), int64(2), 1e21},
			{start.Add(2 * time.Second), nil, nil},
		}},
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func rows() models.Rows {
	var rows models.Rows
	for _, s := range data() {
		rows = append(rows, &models.Row{Name: s.name, Tags: s.tags, Columns: s.columns, Values: s.rows})
	}
	return rows
}

// What a server answers.
func serve(accept string, pretty bool, results ...*query.Result) []byte {
	target := "/query"
	if pretty {
		target += "?pretty=true"
	}
	request := httptest.NewRequest("GET", target, nil)
	request.Header = http.Header{"Accept": {accept}}
	recorder := httptest.NewRecorder()
	writer := httpd.NewResponseWriter(recorder, request)
	_, err := writer.WriteResponse(httpd.Response{Results: results})
	check(err)
	return recorder.Body.Bytes()
}

func main() {
	folder := os.Args[1]
	check(os.MkdirAll(folder, 0o755))
	write := func(name string, content []byte) {
		check(os.WriteFile(filepath.Join(folder, name), content, 0o644))
	}

	var lines bytes.Buffer
	for _, s := range data() {
		for _, row := range s.rows {
			fields := models.Fields{}
			for i, column := range s.columns[1:] {
				if row[i+1] != nil {
					fields[column] = row[i+1]
				}
			}
			if len(fields) == 0 {
				continue
			}
			point, err := models.NewPoint(s.name, models.NewTags(s.tags), fields, row[0].(time.Time))
			check(err)
			fmt.Fprintln(&lines, point)
		}
	}
	write("points.lp", lines.Bytes())

	all := &query.Result{StatementID: 0, Series: rows()}
	empty := &query.Result{StatementID: 1}
	second := &query.Result{StatementID: 2, Series: rows()[2:]}
	write("http.csv", serve("application/csv", false, all, empty, second))
	write("http.json", serve("application/json", false, all, empty, second))
	write("pretty.json", serve("application/json", true, all, empty, second))
	var chunks bytes.Buffer
	for _, row := range rows() {
		chunks.Write(serve("application/json", false, &query.Result{Series: models.Rows{row}, Partial: true}))
	}
	write("chunked.json", chunks.Bytes())
	write("error.json", serve("application/json", false, &query.Result{Err: fmt.Errorf("database not found: %q", "x")}))

	// The client reads the answer of a server, with times as integers unless -precision rfc3339 is given.
	for _, precision := range []string{"ns", "rfc3339"} {
		series := rows()
		if precision == "ns" {
			for _, row := range series {
				for _, values := range row.Values {
					values[0] = values[0].(time.Time).UnixNano()
				}
			}
		}
		var response client.Response
		decoder := json.NewDecoder(bytes.NewReader(serve("application/json", false, &query.Result{Series: series})))
		decoder.UseNumber()
		check(decoder.Decode(&response))
		line := cli.New("1.8.10")
		line.Format = "csv"
		var out bytes.Buffer
		line.FormatResponse(&response, &out)
		write("influx-"+precision+".csv", out.Bytes())
		line.Format = "json"
		out.Reset()
		line.FormatResponse(&response, &out)
		write("influx-"+precision+".json", out.Bytes())
		line.Format = "column"
		out.Reset()
		line.FormatResponse(&response, &out)
		write("influx-"+precision+".column.txt", out.Bytes())
	}

	inspect(folder)
	fluxResults(write)
}

// Writes a file of the storage engine, and exports it.
func inspect(folder string) {
	root, err := os.MkdirTemp("", "influxdb")
	check(err)
	defer os.RemoveAll(root)
	shard := filepath.Join(root, "data", "telegraf", "autogen", "1")
	check(os.MkdirAll(shard, 0o755))
	check(os.MkdirAll(filepath.Join(root, "wal"), 0o755))
	file, err := os.Create(filepath.Join(shard, "000000001-000000001.tsm"))
	check(err)
	writer, err := tsm1.NewTSMWriter(file)
	check(err)
	values := map[string][]tsm1.Value{}
	var keys []string
	for _, s := range data() {
		key := string(models.MakeKey([]byte(s.name), models.NewTags(s.tags)))
		for _, row := range s.rows {
			for i, column := range s.columns[1:] {
				if row[i+1] == nil {
					continue
				}
				composite := tsm1.SeriesFieldKey(key, column)
				if values[composite] == nil {
					keys = append(keys, composite)
				}
				values[composite] = append(values[composite], tsm1.NewValue(row[0].(time.Time).UnixNano(), row[i+1]))
			}
		}
	}
	sort.Strings(keys)
	for _, key := range keys {
		check(writer.Write([]byte(key), values[key]))
	}
	check(writer.WriteIndex())
	check(writer.Close())
	for name, flags := range map[string][]string{"export.txt": nil, "export.gz": {"-compress"}, "export.lp": {"-lponly"}} {
		command := export.NewCommand()
		command.Stdout, command.Stderr = bytes.NewBuffer(nil), os.Stderr
		out := filepath.Join(folder, name)
		check(command.Run(append(flags, "-datadir", filepath.Join(root, "data"), "-waldir", filepath.Join(root, "wal"), "-out", out)...))
	}
}

// Writes results of Flux: as they come from a bucket, and pivoted.
func fluxResults(write func(string, []byte)) {
	columnType := map[string]flux.ColType{"n": flux.TInt, "free": flux.TInt, "note": flux.TString, "up": flux.TBool, "usage": flux.TFloat}
	stop := execute.Time(start.Add(time.Hour).UnixNano())
	from := execute.Time(start.UnixNano())
	// Tables can be read once.
	tables := func() (raw, pivoted []*executetest.Table) {
		for _, s := range data() {
			key := []string{"_start", "_stop", "_measurement"}
			var tags []string
			for tag := range s.tags {
				tags = append(tags, tag)
			}
			sort.Strings(tags)
			key = append(key, tags...)
			begin := func() ([]flux.ColMeta, []interface{}) {
				columns := []flux.ColMeta{{Label: "_start", Type: flux.TTime}, {Label: "_stop", Type: flux.TTime}, {Label: "_measurement", Type: flux.TString}}
				row := []interface{}{from, stop, s.name}
				for _, tag := range tags {
					columns = append(columns, flux.ColMeta{Label: tag, Type: flux.TString})
					row = append(row, s.tags[tag])
				}
				return append(columns, flux.ColMeta{Label: "_time", Type: flux.TTime}), row
			}
			wide, _ := begin()
			whole := &executetest.Table{KeyCols: key}
			for i, column := range s.columns[1:] {
				wide = append(wide, flux.ColMeta{Label: column, Type: columnType[column]})
				columns, _ := begin()
				columns = append(columns, flux.ColMeta{Label: "_field", Type: flux.TString}, flux.ColMeta{Label: "_value", Type: columnType[column]})
				table := &executetest.Table{KeyCols: append(append([]string{}, key...), "_field"), ColMeta: columns}
				for _, row := range s.rows {
					if row[i+1] == nil {
						continue
					}
					_, cells := begin()
					table.Data = append(table.Data, append(cells, execute.Time(row[0].(time.Time).UnixNano()), column, row[i+1]))
				}
				raw = append(raw, table)
			}
			whole.ColMeta = wide
			for _, row := range s.rows {
				_, cells := begin()
				cells = append(cells, execute.Time(row[0].(time.Time).UnixNano()))
				whole.Data = append(whole.Data, append(cells, row[1:]...))
			}
			pivoted = append(pivoted, whole)
		}
		return
	}
	encode := func(name string, config csv.ResultEncoderConfig, results ...flux.Result) {
		var out bytes.Buffer
		_, err := csv.NewMultiResultEncoder(config).Encode(&out, flux.NewSliceResultIterator(results))
		check(err)
		write(name, out.Bytes())
	}
	result := func(name string, tables []*executetest.Table) flux.Result {
		result := executetest.NewResult(tables)
		result.Nm = name
		result.Normalize()
		return result
	}
	config := csv.DefaultEncoderConfig()
	raw, pivoted := tables()
	encode("flux.csv", config, result("_result", raw))
	encode("flux-pivoted.csv", config, result("_result", pivoted))
	raw, _ = tables()
	encode("flux-two.csv", config, result("one", raw[:2]), result("two", raw[2:]))
	var failed bytes.Buffer
	check(csv.NewResultEncoder(config).EncodeError(&failed, fmt.Errorf("window: invalid bounds")))
	write("flux-error.csv", failed.Bytes())
	config.Annotations = nil
	raw, _ = tables()
	encode("flux-plain.csv", config, result("_result", raw))
}
