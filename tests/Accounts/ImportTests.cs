using System.Text.RegularExpressions;
using AuthMesh.Tests.Harness;
using Npgsql;

namespace AuthMesh.Tests.Accounts;

/// <summary>The SQL of docs/migrate/from-home-made-jwt.md brings users over who can sign in.</summary>
public sealed partial class ImportTests(ProductionMesh mesh)
{
    private const string Password = "a password from elsewhere";

    [Theory]
    [InlineData("2a")]
    [InlineData("2b")]
    [InlineData("2y")]
    public async Task Users_come_over_with_their_ids_and_bcrypt_passwords(string form)
    {
        var (name, id, address) = (ProductionMesh.NewName(), Guid.NewGuid(), $"{Guid.NewGuid():N}@example.com");
        var hash = BCrypt.Net.BCrypt.HashPassword(Password, 4).Replace("$2a$", $"${form}$", StringComparison.Ordinal);

        Assert.Empty(await ImportAsync($"{id},{name.ToUpperInvariant()},{address},{hash},true"));

        var signedIn = await mesh.Gateway.LoginAsync(name, Password);
        Assert.Equal(200, signedIn.Status);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(address, Password)).Status);
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(name, Password + "!")).Status);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/admin", signedIn.Token)).Status);
        Assert.Equal(id.ToString(), (await mesh.Gateway.GetAsync("/account", signedIn.Token)).Member("id"));
    }

    [Fact]
    public async Task A_user_without_a_usable_hash_sets_a_password_by_mail()
    {
        var (name, address) = (ProductionMesh.NewName(), $"{Guid.NewGuid():N}@example.com");

        Assert.Empty(await ImportAsync($"{Guid.NewGuid()},{name},{address},,false"));

        (await mesh.Gateway.LoginAsync(name, Password)).AssertError(401, "invalid_credentials");
        Assert.Equal(202, (await mesh.Gateway.PostAsync("/password/forgot", new { account = name })).Status);
        Assert.NotNull(await mesh.Mails.NextAsync(address));
    }

    [Fact]
    public async Task What_cannot_come_over_is_listed()
    {
        var (name, other, address) = (ProductionMesh.NewName(), ProductionMesh.NewName(), $"{Guid.NewGuid():N}@example.com");
        var (taken, _, _) = await mesh.SignUpAsync();

        var faults = await ImportAsync(
            $"{Guid.NewGuid()},a b,,,false",
            $"{Guid.NewGuid()},{Guid.NewGuid()},,,false",
            $"{Guid.NewGuid()},{taken.ToUpperInvariant()},,,false",
            $"{Guid.NewGuid()},{name},{address},,false",
            $"{Guid.NewGuid()},{name.ToUpperInvariant()},,,false",
            $"{Guid.NewGuid()},{address},,,false",
            $"{Guid.NewGuid()},{other},{address.ToUpperInvariant()},no bcrypt,false",
            $"{Guid.NewGuid()},{ProductionMesh.NewName()},nowhere,,false");

        Assert.Equal(
            [
                "differs by case", "has a name that is taken", "has another hash", "has no possible address", "has no possible name",
                "has no possible name", "is named by the address of another", "is named by the address of another", "shares an address",
            ],
            faults.Select(fault => fault.Replace("has a name that differs by case alone", "differs by case", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal));
    }

    /// <summary>Runs the statements of the page, as psql would. It inserts nobody if the check lists a fault.</summary>
    /// <returns>The faults.</returns>
    private async Task<IReadOnlyList<string>> ImportAsync(params string[] lines)
    {
        var page = await File.ReadAllTextAsync(
            Path.Combine(Checkout.Root, "docs/migrate/from-home-made-jwt.md"), TestContext.Current.CancellationToken);
        var statements = Copy().Replace(SqlBlock().Match(page).Groups[1].Value, "$0;") // the end of its line ends this command of psql
            .Split(";\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.StartsWith("CREATE TABLE import_users", statements[0], StringComparison.Ordinal);
        Assert.StartsWith("\\copy import_users FROM 'users.csv' WITH (FORMAT csv, HEADER)", statements[1], StringComparison.Ordinal);

        await using var connection = new NpgsqlConnection(mesh.Mesh.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken); // hides the table
        await RunAsync(connection, statements[0]);
        await using (var copy = await connection.BeginTextImportAsync(
            "COPY import_users FROM STDIN WITH (FORMAT csv, HEADER)", TestContext.Current.CancellationToken))
        {
            await copy.WriteAsync("id,name,email,bcrypt,is_admin\n" + string.Join('\n', lines) + "\n");
        }

        var faults = new List<string>();
        await using (var check = new NpgsqlCommand(statements[2], connection))
        await using (var found = await check.ExecuteReaderAsync(TestContext.Current.CancellationToken))
        {
            while (await found.ReadAsync(TestContext.Current.CancellationToken))
            {
                faults.Add(found.GetString(1));
            }
        }

        if (faults.Count == 0)
        {
            foreach (var statement in statements[3..])
            {
                await RunAsync(connection, statement);
            }

            await transaction.CommitAsync(TestContext.Current.CancellationToken);
        }

        return faults;
    }

    private static async Task RunAsync(NpgsqlConnection connection, string statement)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    [GeneratedRegex("```sql\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex SqlBlock();

    [GeneratedRegex(@"^\\copy.*$", RegexOptions.Multiline)]
    private static partial Regex Copy();
}
