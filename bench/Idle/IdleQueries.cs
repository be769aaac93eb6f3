using System.CommandLine;
using System.Text.RegularExpressions;
using AuthMesh.LocalMesh;
using Npgsql;

namespace AuthMesh.Bench.Idle;

/// <summary>Lists the queries of an idle mesh: every statement of one minute, from PostgreSQL's own log.</summary>
internal static partial class IdleQueries
{
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(15);

    public static Command Define()
    {
        var seconds = new Option<int>(
            "--seconds")
        { Description = "How long to count the statements", DefaultValueFactory = _ => 60 };
        var command = new Command("idle", "Lists the statements that an idle mesh sends to PostgreSQL") { seconds };
        command.SetAction((parsed, cancellation) => RunAsync(TimeSpan.FromSeconds(parsed.GetValue(seconds)), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(TimeSpan time, CancellationToken cancellation)
    {
        await using var mesh = await Mesh.StartAsync(
            new MeshOptions { IdentityReplicas = 2, ResourceReplicas = 2, GatewayReplicas = 2 }, cancellation);
        await using (var connection = new NpgsqlConnection(mesh.ConnectionString + ";Pooling=false"))
        {
            await connection.OpenAsync(cancellation);
            foreach (var sql in (string[])["ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()"])
            {
                await using var command = new NpgsqlCommand(sql, connection);
                await command.ExecuteNonQueryAsync(cancellation);
            }
        }

        await Task.Delay(Settling, cancellation);
        var before = (await File.ReadAllTextAsync(mesh.Postgres!.LogFile, cancellation)).Length;
        await Task.Delay(time, cancellation);
        var log = (await File.ReadAllTextAsync(mesh.Postgres.LogFile, cancellation))[before..];

        var statements = Statement().Matches(log).Select(match => Spaces().Replace(match.Groups["sql"].Value, " ").Trim()).ToList();
        Console.WriteLine(
            $"{statements.Count} statements in {time.TotalSeconds:0} s from 2 replicas of the identity service, with 2 gateways and 2 "
            + "resource services:");
        foreach (var group in statements.GroupBy(sql => sql).OrderByDescending(group => group.Count()))
        {
            Console.WriteLine($"{group.Count(),6} × {(group.Key.Length > 150 ? group.Key[..150] + " …" : group.Key)}");
        }

        return statements.Count > 0 ? 0 : 1; // no statement at all means that this read the wrong log
    }

    // Indented lines continue a statement.
    [GeneratedRegex(@"LOG:  (?:statement|execute [^:]*): (?<sql>[^\n]*(?:\n\t[^\n]*)*)")]
    private static partial Regex Statement();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
