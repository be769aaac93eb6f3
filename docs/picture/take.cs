#:property RestorePackagesWithLockFile=false
#:property PublishAot=false

// Runs two terminals against the mesh at http://localhost:8080, and draws what they showed, and when, as a moving SVG. take.sh starts it.
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

const int Columns = 57, Rows = 10;
const double CharacterWidth = 7.22, LineHeight = 18, Pause = 1.2, Rest = 6;

var home = Environment.GetEnvironmentVariable("AUTHMESH_HOME")!;
var clock = Stopwatch.StartNew();
var alice = new Terminal("alice", home, clock);
var admin = new Terminal("admin", home, clock);

// 1. Alice opens a stream.
await alice.RunAsync("authmesh login alice", "authmesh login alice --password-stdin <<<password123");
await WaitAsync();
var stream = alice.RunAsync(
    """curl -N localhost:8080/events -H "$AUTHORIZATION" """,
    $"""curl -sSN localhost:8080/events -H "Authorization: Bearer {alice.Token()}" """);
await WaitAsync();

// 2. The admin ends her sessions. Her stream stops.
await admin.RunAsync("authmesh login admin", "authmesh login admin --password-stdin <<<admin123");
await WaitAsync();
await admin.RunAsync("authmesh users sign-out alice", "authmesh users sign-out alice");
await stream;
var apart = Math.Abs(alice.Lines[^1].Seconds - admin.Lines[^1].Seconds);
await WaitAsync();

// 3. Her token is refused.
await alice.RunAsync(
    """curl localhost:8080/protected -H "$AUTHORIZATION" """,
    $"""curl -s localhost:8080/protected -H "Authorization: Bearer {alice.Token()}" """);
var end = clock.Elapsed.TotalSeconds + Rest;

Draw();

Task WaitAsync() => Task.Delay(TimeSpan.FromSeconds(Pause));

void Draw()
{
    var (width, height) = ((Columns * CharacterWidth) + 24, (Rows * LineHeight) + 46);
    var (styles, body, seen) = (new StringBuilder(), new StringBuilder(), 0);
    foreach (var (terminal, left) in new[] { (alice, 0.0), (admin, width + 12) })
    {
        body.Append(Invariant($"""<g transform="translate({left:0.#} 0)">"""));
        body.Append(Invariant($"""<rect class="w" width="{width:0.#}" height="{height}" rx="9"/>"""));
        body.Append(Invariant($"""<text class="t" x="14" y="22">{terminal.Name}</text>"""));
        var row = 0;
        foreach (var line in terminal.Lines)
        {
            foreach (var part in line.Text.Chunk(Columns).Select(part => new string(part)))
            {
                var (name, at, y) = (++seen, line.Seconds / end * 100, 46 + (row++ * LineHeight));
                styles.Append(Invariant($"@keyframes k{name}{{0%,{at:0.00}%{{opacity:0}}{at + 0.01:0.00}%,100%{{opacity:1}}}}"));
                styles.Append(Invariant($"#l{name}{{animation-name:k{name}}}"));
                body.Append(Invariant($"""<text id="l{name}" class="l{(line.IsCommand ? " c" : "")}" x="14" y="{y}">"""));
                body.Append(WebUtility.HtmlEncode(part)).Append("</text>");
            }
        }

        body.Append("</g>");
    }

    var caption = Invariant($"The stream stopped within {Math.Max(1, Math.Ceiling(apart * 1000)):0} ms of the admin's command.");
    Console.WriteLine(Invariant(
        $$$"""
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{{(2 * width) + 12:0}}} {{{height + 30}}}" role="img"
          aria-label="Two terminals. Alice watches a stream. An admin ends her sessions, and her stream stops at once.">
        <style>
        .w{fill:#10131a}.t{fill:#8b93a7}.d{fill:#6b7385}
        .l{fill:#d7dce8;white-space:pre;animation:{{{end:0.0}}}s infinite}.l.c{fill:#8fc7ff}
        text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
        {{{styles}}}
        @media(prefers-reduced-motion:reduce){.l{animation:none!important}}
        </style>
        {{{body}}}
        <text class="d" x="14" y="{{{height + 20}}}">{{{caption}}}</text>
        </svg>
        """));
}

static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

/// <summary>A line of a terminal, and when it appeared.</summary>
internal sealed record Line(double Seconds, string Text, bool IsCommand);

/// <summary>A terminal of one user.</summary>
internal sealed class Terminal(string name, string home, Stopwatch clock)
{
    public string Name { get; } = name;

    public List<Line> Lines { get; } = [];

    /// <summary>The access token that the client keeps for this user.</summary>
    public string Token() => System.Text.RegularExpressions.Regex.Match(
        File.ReadAllText(Path.Combine(home, Name, "authmesh", "sessions.json")), "\"[a-z_]*token\": ?\"(ey[^\"]+)\"").Groups[1].Value;

    /// <summary>Shows a command, runs it, and shows each line of its output when it comes.</summary>
    public async Task RunAsync(string shown, string command)
    {
        Lines.Add(new(clock.Elapsed.TotalSeconds, "$ " + shown.Trim(), IsCommand: true));
        var shell = new ProcessStartInfo("bash", ["-c", $"authmesh() {{ dotnet \"$AUTHMESH_CLIENT\" \"$@\"; }}; ({command}) 2>&1"])
        {
            RedirectStandardOutput = true,
            Environment = { ["XDG_CONFIG_HOME"] = Path.Combine(home, Name), ["NO_COLOR"] = "1" },
        };
        using var process = Process.Start(shell)!;
        while (await process.StandardOutput.ReadLineAsync() is { } text)
        {
            if (text.Length > 0)
            {
                Lines.Add(new(clock.Elapsed.TotalSeconds, text, IsCommand: false));
            }
        }

        await process.WaitForExitAsync();
    }
}
