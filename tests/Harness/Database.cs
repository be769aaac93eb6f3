using AuthMesh.Identity;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Tests.Harness;

/// <summary>Direct access to the tables of one mesh.</summary>
public sealed class Database(string connectionString)
{
    public string ConnectionString => connectionString;

    public async Task<T> ScalarAsync<T>(string sql, params object[] values)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = Command(sql, values, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async Task<int> ExecuteAsync(string sql, params object[] values)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = Command(sql, values, connection);
        return await command.ExecuteNonQueryAsync();
    }

    /// <summary>Waits until a statement waits for a lock that another transaction holds.</summary>
    public Task UntilOneWaitsAsync() => Patience.UntilAsync(() => ScalarAsync<bool>(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"));

    public Task<long> CountUsersAsync() => ScalarAsync<long>("SELECT count(*) FROM users");

    internal IdentityDb Open() => new(new DbContextOptionsBuilder<IdentityDb>().UseNpgsql(connectionString).Options, Modules.Entities);

    private static NpgsqlCommand Command(string sql, object[] values, NpgsqlConnection connection)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.AddWithValue(value);
        }

        return command;
    }
}
