using System.CommandLine;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using Npgsql;

namespace AuthMesh.Bench.Passwords;

/// <summary>
/// Checks whether an outsider can tell why a login failed. Every sample is a login with its own account, one at a time, in random order.
/// For each pair of reasons, it computes how well the time alone tells one from the other.
/// </summary>
internal static partial class FailureShapes
{
    private const string Password = "the right password of all";
    private const string WrongPassword = "the wrong password of all";
    private const int WarmUp = 100; // for each reason, not counted
    private const double Lowest = 0.45, Highest = 0.55; // 0.5 is a coin toss

    // A hash of another cost, or without the scheme's name, is the edited text of the right one. It matches no password and costs what it
    // says.
    private static readonly Reason[] Reasons =
    [
        new("unknown user", null, WrongPassword),
        new("wrong password", "password_hash, NULL", WrongPassword),
        new("second factor", "password_hash, NULL", WrongPassword, TwoStep: true),
        new("disabled", "password_hash, now()", Password),
        new("300 characters", "password_hash, NULL", new string('x', 300)),
        new("plain bcrypt", "regexp_replace(password_hash, '^.*:', ''), NULL", WrongPassword),
        new("lower cost", "replace(password_hash, '$08$', '$06$'), NULL", WrongPassword),
    ];

    public static Command Define()
    {
        var samples = new Option<int>(
            "--samples")
        { Description = "Number of failed logins for each reason", DefaultValueFactory = _ => 2000 };
        var command = new Command("failures", "Checks that a failed login hides its reason, in its answer and its time") { samples };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(samples), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(int samples, CancellationToken cancellation)
    {
        await using var mesh = await Mesh.StartAsync(
            new MeshOptions
            {
                IdentitySettings = new Dictionary<string,
                string>(Unthrottled.Settings)
                { ["Identity:Hashing:WorkFactor"] = "8" }
            }, cancellation);
        using var http = new HttpClient(
            new SocketsHttpHandler { UseCookies = false, UseProxy = false })
        { BaseAddress = mesh.Gateway.Address };
        await PrepareAsync(mesh, http, samples + WarmUp, cancellation);

        var turns = Enumerable.Range(0, Reasons.Length * (samples + WarmUp))
            .Select(i => (Reason: i % Reasons.Length, Number: i / Reasons.Length)).ToArray();
        RandomNumberGenerator.Shuffle(turns.AsSpan(..(Reasons.Length * WarmUp)));
        RandomNumberGenerator.Shuffle(turns.AsSpan((Reasons.Length * WarmUp)..));
        var times = Reasons.Select(_ => new List<double>()).ToArray();
        var answers = new Dictionary<string, HashSet<string>>();
        foreach (var (reason, number) in turns)
        {
            var body = new { username = Name(reason, number), password = Reasons[reason].Password };
            var start = Stopwatch.GetTimestamp();
            using var answer = await http.PostAsJsonAsync("/login", body, cancellation);
            var text = await answer.Content.ReadAsStringAsync(cancellation);
            var time = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            if (number >= WarmUp)
            {
                times[reason].Add(time);
            }

            var headers = answer.Headers.Concat(answer.Content.Headers).Where(header => header.Key != "Date");
            var shape =
                $"{(int)answer.StatusCode} {string.Join(' ', headers.Select(header => $"{header.Key}: {string.Join(',', header.Value)}"))} "
                + TraceId().Replace(text, "");
            (answers.TryGetValue(shape, out var who) ? who : answers[shape] = []).Add(Reasons[reason].Name);
        }

        return Print(times, answers);
    }

    private static async Task PrepareAsync(Mesh mesh, HttpClient http, int count, CancellationToken cancellation)
    {
        var registered = await http.PostAsJsonAsync("/register", new { username = "template", password = Password }, cancellation);
        registered.EnsureSuccessStatusCode();
        await using var connection = new NpgsqlConnection(mesh.ConnectionString);
        await connection.OpenAsync(cancellation);
        for (var reason = 0; reason < Reasons.Length; reason++)
        {
            if (Reasons[reason].Row is { } row)
            {
                await using var command = new NpgsqlCommand(
                    $"""
                    INSERT INTO users (
                        id, username, normalized_username, password_hash, disabled_at, two_step, role, epoch, is_demo, created_at)
                    SELECT gen_random_uuid(), name, name, {row}, {Reasons[reason].TwoStep}, 'user', 0, false, now()
                    FROM users, unnest($1) name
                    WHERE username = 'template'
                    """,
                    connection);
                command.Parameters.AddWithValue(Enumerable.Range(0, count).Select(number => Name(reason, number)).ToArray());
                await command.ExecuteNonQueryAsync(cancellation);
            }
        }

        await using var analyze = new NpgsqlCommand("ANALYZE users", connection);
        await analyze.ExecuteNonQueryAsync(cancellation);
    }

    private static int Print(List<double>[] times, Dictionary<string, HashSet<string>> answers)
    {
        Console.WriteLine($"{times[0].Count} failed logins for each reason; milliseconds");
        Console.WriteLine();
        Console.WriteLine($"{"",-18}{"p10",8}{"p50",8}{"p90",8}");
        for (var i = 0; i < times.Length; i++)
        {
            times[i].Sort();
            Console.WriteLine($"{Reasons[i].Name,-18}{At(times[i], 0.1),8:0.00}{At(times[i], 0.5),8:0.00}{At(times[i], 0.9),8:0.00}");
        }

        Console.WriteLine();
        Console.WriteLine("How often a login of the row takes longer than one of the column (0.5: the time reveals nothing)");
        Console.WriteLine($"{"",-18}" + string.Concat(Reasons.Select(reason => $"{reason.Name,16}")));
        var pairs = new List<double>();
        for (var row = 0; row < times.Length; row++)
        {
            Console.Write($"{Reasons[row].Name,-18}");
            for (var column = 0; column < times.Length; column++)
            {
                var auc = row == column ? double.NaN : Auc(times[row], times[column]);
                Console.Write(row == column ? $"{"-",16}" : $"{auc,16:0.000}");
                if (row != column)
                {
                    pairs.Add(auc);
                }
            }

            Console.WriteLine();
        }

        Console.WriteLine();
        Console.WriteLine($"smallest {pairs.Min():0.000}, largest {pairs.Max():0.000}; wanted {Lowest} to {Highest}");
        Console.WriteLine(answers.Count == 1 ? $"all answers are identical: {answers.Keys.Single()}" : "answers differ:");
        foreach (var (answer, reasons) in answers.Where(_ => answers.Count > 1))
        {
            Console.WriteLine($"  {string.Join(", ", reasons)}: {answer}");
        }

        return answers.Count == 1 && pairs.TrueForAll(auc => auc is >= Lowest and <= Highest) ? 0 : 1;
    }

    /// <summary>
    /// The area under the curve of a classifier that knows only the time (Mann-Whitney): the share of pairs in which the first is larger.
    /// </summary>
    private static double Auc(List<double> sorted, List<double> others)
    {
        double wins = 0;
        foreach (var time in sorted)
        {
            var below = others.BinarySearch(time);
            wins += below < 0 ? ~below : below + 0.5; // equal times are rare
        }

        return wins / ((double)sorted.Count * others.Count);
    }

    private static double At(List<double> sorted, double share) => sorted[(int)(share * (sorted.Count - 1))];

    private static string Name(int reason, int number) => $"user-{reason}-{number:000000}";

    [GeneratedRegex("\"traceId\":\"[0-9a-f]{32}\"")]
    private static partial Regex TraceId();

    /// <param name="Name">Why the login fails.</param>
    /// <param name="Row">The hash and the time of disabling, as SQL over a registered user's row; null for an unknown user.</param>
    /// <param name="Password">The password to send.</param>
    /// <param name="TwoStep">Whether the account demands more than a password.</param>
    private sealed record Reason(string Name, string? Row, string Password, bool TwoStep = false);
}
