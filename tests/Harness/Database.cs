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
