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
/// Checks whether an outsider can tell why a login failed, or which account got a mail for a forgotten password. Every sample is a request
/// with its own account, one at a time, in random order. For each pair of reasons, it computes how well the time alone tells one from the
/// other.
/// </summary>
internal static partial class FailureShapes
{
    private const string Password = "the right password of all";
    private const string WrongPassword = "the wrong password of all";
    private const int WarmUp = 100; // for each reason, not counted
    private const double Lowest = 0.45, Highest = 0.55; // 0.5 is a coin toss

    // A hash of another cost, or without the scheme's name, is the edited text of the right one. It matches no password and costs what it
    // says.
    private static readonly Question[] Questions =
    [
        new("failed logins", "/login", static (name, reason) => new { username = name, password = reason.Password },
        [
            new("unknown user", null, WrongPassword),
            new("wrong password", "password_hash, NULL", WrongPassword),
            new("second factor", "password_hash, NULL", WrongPassword, IsTwoStep: true),
            new("passkey", "password_hash, NULL", WrongPassword, HasPasskey: true),
            new("only a passkey", "NULL, NULL", WrongPassword, HasPasskey: true),
            new("disabled", "password_hash, now()", Password),
            new("300 characters", "password_hash, NULL", new string('x', 300)),
            new("plain bcrypt", "regexp_replace(password_hash, '^.*:', ''), NULL", WrongPassword),
            new("lower cost", "replace(password_hash, '$08$', '$06$'), NULL", WrongPassword),
        ]),
        new("forgotten passwords", "/password/forgot", static (name, _) => new { account = name },
        [
            new("unknown user", null), new("no address", "password_hash, NULL"),
            new("gets a mail", "password_hash, NULL", HasAddress: true), new("disabled", "password_hash, now()", HasAddress: true),
        ]),
    ];

    public static Command Define()
    {
        var samples = new Option<int>(
            "--samples")
        { Description = "Number of requests for each reason", DefaultValueFactory = _ => 2000 };
        var forgotten = new Option<bool>("--forgotten") { Description = "Check forgotten passwords only" };
        var command = new Command("failures", "Checks that a failed login and a forgotten password hide their reason, in answer and time")
        {
            samples, forgotten,
        };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetValue(samples), parsed.GetValue(forgotten) ? Questions[1..] : Questions, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(int samples, Question[] questions, CancellationToken cancellation)
    {
        await using var mesh = await Mesh.StartAsync(
            new MeshOptions
            {
                WritesMails = true,
                IdentitySettings = new Dictionary<string,
                string>(Unthrottled.Settings)
                { ["Identity:Hashing:WorkFactor"] = "8" }
            }, cancellation);
        using var http = new HttpClient(
            new SocketsHttpHandler { UseCookies = false, UseProxy = false })
        { BaseAddress = mesh.Gateway.Address };
        var registered = await http.PostAsJsonAsync("/register", new { username = "template", password = Password }, cancellation);
        registered.EnsureSuccessStatusCode();
        var exitCode = 0;
        foreach (var question in questions)
        {
            await PrepareAsync(mesh, question, samples + WarmUp, cancellation);
            exitCode |= await AskAsync(http, question, samples, cancellation);
        }

        return exitCode;
    }

    private static async Task<int> AskAsync(HttpClient http, Question question, int samples, CancellationToken cancellation)
    {
        var reasons = question.Reasons;
        var turns = Enumerable.Range(0, reasons.Length * (samples + WarmUp))
            .Select(i => (Reason: i % reasons.Length, Number: i / reasons.Length)).ToArray();
        RandomNumberGenerator.Shuffle(turns.AsSpan(..(reasons.Length * WarmUp)));
        RandomNumberGenerator.Shuffle(turns.AsSpan((reasons.Length * WarmUp)..));
        var times = reasons.Select(_ => new List<double>()).ToArray();
        var answers = new Dictionary<string, HashSet<string>>();
        foreach (var (reason, number) in turns)
        {
            var body = question.Body(question.NameOf(reason, number), reasons[reason]);
            var start = Stopwatch.GetTimestamp();
            using var answer = await http.PostAsJsonAsync(question.Path, body, cancellation);
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
            (answers.TryGetValue(shape, out var who) ? who : answers[shape] = []).Add(reasons[reason].Name);
        }

        return Print(question, times, answers);
    }

    private static async Task PrepareAsync(Mesh mesh, Question question, int count, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(mesh.ConnectionString);
        await connection.OpenAsync(cancellation);
        for (var reason = 0; reason < question.Reasons.Length; reason++)
        {
            if (question.Reasons[reason].Row is { } row)
            {
                await using var command = new NpgsqlCommand(
                    $"""
                    WITH added AS (
                        INSERT INTO users (id, username, normalized_username, password_hash, disabled_at, role, epoch, is_demo, created_at,
                            email, normalized_email, email_verified_at, two_step)
                        SELECT gen_random_uuid(), name, name, {row}, 'user', 0, false, now(), address, address,
                            CASE WHEN address IS NOT NULL THEN now() END, $3
                        FROM users, unnest($1) name, LATERAL (SELECT CASE WHEN $2 THEN name || '@example.test' END) AS given (address)
                        WHERE username = 'template' RETURNING id)
                    INSERT INTO passkeys (id, user_id, credential_id, public_key, name, sign_count, transports, is_backup_eligible,
                        is_backed_up, created_at)
                    SELECT gen_random_uuid(), id, uuid_send(id), '\x00', 'a key', 0, '{"{}"}', false, false, now() FROM added WHERE $4
                    """,
                    connection);
                command.Parameters.AddWithValue(Enumerable.Range(0, count).Select(number => question.NameOf(reason, number)).ToArray());
                command.Parameters.AddWithValue(question.Reasons[reason].HasAddress);
                command.Parameters.AddWithValue(question.Reasons[reason].IsTwoStep);
                command.Parameters.AddWithValue(question.Reasons[reason].HasPasskey);
                await command.ExecuteNonQueryAsync(cancellation);
            }
        }

        await using var analyze = new NpgsqlCommand("ANALYZE users", connection);
        await analyze.ExecuteNonQueryAsync(cancellation);
    }

    private static int Print(Question question, List<double>[] times, Dictionary<string, HashSet<string>> answers)
    {
        var reasons = question.Reasons;
        Console.WriteLine($"{times[0].Count} {question.Title} for each reason; milliseconds");
        Console.WriteLine();
        Console.WriteLine($"{"",-18}{"p10",8}{"p50",8}{"p90",8}");
        for (var i = 0; i < times.Length; i++)
        {
            times[i].Sort();
            Console.WriteLine($"{reasons[i].Name,-18}{At(times[i], 0.1),8:0.00}{At(times[i], 0.5),8:0.00}{At(times[i], 0.9),8:0.00}");
        }

        Console.WriteLine();
        Console.WriteLine("How often a request of the row takes longer than one of the column (0.5: the time reveals nothing)");
        Console.WriteLine($"{"",-18}" + string.Concat(reasons.Select(reason => $"{reason.Name,16}")));
        var pairs = new List<double>();
        for (var row = 0; row < times.Length; row++)
        {
            Console.Write($"{reasons[row].Name,-18}");
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
        foreach (var (answer, named) in answers.Where(_ => answers.Count > 1))
        {
            Console.WriteLine($"  {string.Join(", ", named)}: {answer}");
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

    [GeneratedRegex("\"traceId\":\"[0-9a-f]{32}\"")]
    private static partial Regex TraceId();

    /// <param name="Title">What is asked.</param>
    /// <param name="Path">Where.</param>
    /// <param name="Body">Makes the body from the user's name and the reason.</param>
    /// <param name="Reasons">What must not be told apart.</param>
    private sealed record Question(string Title, string Path, Func<string, Reason, object> Body, Reason[] Reasons)
    {
        public string NameOf(int reason, int number) => $"user-{Title.Split(' ')[0]}-{reason}-{number:000000}";
    }

    /// <param name="Name">Why the login fails, or whether a mail goes out.</param>
    /// <param name="Row">The hash and the time of disabling, as SQL over a registered user's row; null for an unknown user.</param>
    /// <param name="Password">The password to send.</param>
    /// <param name="HasAddress">Whether the user has a proved address.</param>
    /// <param name="IsTwoStep">Whether the account demands more than a password.</param>
    private sealed record Reason(
        string Name, string? Row, string Password = "", bool HasAddress = false, bool IsTwoStep = false, bool HasPasskey = false);
}
