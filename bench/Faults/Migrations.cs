using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;

namespace AuthMesh.Bench.Faults;

/// <summary>Six replicas of the identity service start at once on an empty database. Each migration must run once.</summary>
internal static class Migrations
{
    public const string Slug = "six-migrate";
    private const int Replicas = 6;

    public static async Task<string> RunAsync(CancellationToken cancellation)
    {
        await using var postgres = await PostgresServer.StartAsync();
        var options = InProduction.On(postgres.ConnectionString, new Dictionary<string, string>(Unthrottled.WithCheapHashes)
        {
            ["Identity:MasterKey"] = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)),
        });
        var since = Stopwatch.GetTimestamp();
        await using var mesh = await Mesh.StartAsync(options with { IdentityReplicas = Replicas }, cancellation);
        var seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;

        await using var connection = new NpgsqlConnection(postgres.ConnectionString);
        await connection.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand("SELECT count(*) FROM \"__EFMigrationsHistory\"", connection);
        var applied = await command.ExecuteScalarAsync(cancellation);
        // Each replica logs what it applied itself.
        var appliers = mesh.Identities.Count(replica => replica.Output.Contains("Applied migrations:", StringComparison.Ordinal));
        var known = typeof(IdentityDb).Assembly.GetTypes().Count(type => type.IsSubclassOf(typeof(Migration)));
        if (appliers != 1 || applied is not long count || count != known)
        {
            throw new InvalidOperationException($"{appliers} replicas applied {applied} of {known} migrations.");
        }

        return string.Create(
            CultureInfo.InvariantCulture,
            $"Six replicas of the identity service that start at once on an empty database: ready after {seconds:0.0} s, "
            + $"and one of them applied the {applied} migrations.");
    }
}
