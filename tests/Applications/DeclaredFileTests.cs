using System.Text.Json;
using System.Text.Json.Nodes;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Tokens;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenId;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Applications;

/// <summary>A file declares applications.</summary>
public sealed class DeclaredFileTests(ProductionMesh mesh)
{
    private const string Secret = "a-secret-of-32-or-more-characters";

    // SHA-256 of "another-secret-of-32-or-more-characters".
    private static readonly string Sha256 = Convert.ToHexStringLower(NewSecret.HashOf("another-" + Secret));

    [Fact]
    public async Task A_file_creates_changes_and_disables_and_only_a_greater_version_counts()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        await File.WriteAllTextAsync(own.FileIn("secret"), Secret + "\n", TestContext.Current.CancellationToken);
        using var key = AssertionKey.Ec();
        JsonObject job = new() { ["client_id"] = "job", ["scopes"] = List("orders.read", "orders.write"), ["secrets"] = Secrets(own) };
        JsonObject shop = new()
        {
            ["client_id"] = "shop", ["kind"] = "spa", ["name"] = "The shop", ["scopes"] = List("openid"),
            ["redirect_uris"] = List("https://shop.example/callback"),
        };
        JsonObject signer = new()
        {
            ["client_id"] = "signer", ["scopes"] = List("orders.read"), ["jwks"] = JsonSerializer.SerializeToNode(key.Jwks),
        };

        // 1. Version 1 creates.
        await WriteAsync(own, 1, job, shop, signer);
        await using (var first = await StartAsync(own))
        {
            using var identity = new Caller(first);
            var admin = await AdminTokenAsync(own, identity);
            var listed = await ListAsync(identity, admin);
            Assert.Equal(
                ["job service True False 2", "shop spa True False 0", "signer service True False 0"], listed.Select(Describe));
            var token = await identity.ServiceTokenAsync(new MadeApplication(Guid.Empty, "job", Secret, Guid.Empty));
            await identity.ServiceTokenAsync(new MadeApplication(Guid.Empty, "job", "another-" + Secret, Guid.Empty));
            Assert.Equal(200, (await identity.TokenAsync(
                [("grant_type", "client_credentials"), .. AssertionKey.Form(key.Sign("signer"))])).Status);
            Assert.Equal("The shop", listed[1].GetProperty("name").GetString());

            // 2. Nobody changes it by a request.
            var id = listed[0].GetProperty("id").GetGuid();
            var secretId = listed[0].GetProperty("secrets")[0].GetProperty("id").GetGuid();
            (HttpMethod Method, string Path, object? Body)[] changes =
            [
                (HttpMethod.Patch, $"/applications/{id}", new { disabled = true }),
                (HttpMethod.Patch, $"/applications/{id}", new { name = "Mine" }),
                (HttpMethod.Delete, $"/applications/{id}", null),
                (HttpMethod.Post, $"/applications/{id}/secrets", null),
                (HttpMethod.Delete, $"/applications/{id}/secrets/{secretId}", null),
                (HttpMethod.Delete, $"/applications/{id}/secrets/{secretId}?leaked=true", null),
            ];
            foreach (var (method, path, body) in changes)
            {
                (await identity.CallAsync(method, path, admin, body)).AssertError(409, "declared_application");
            }

            // 3. An application of the admins is none of the file's.
            var mine = await identity.AddApplicationAsync(admin, "orders.read");

            // 4. Another replica with a greater version: less for one, another one is missing, and a secret is replaced.
            job["scopes"] = List("orders.read");
            job["secrets"] = new JsonArray(new JsonObject { ["sha256"] = Sha256 });
            await WriteAsync(own, 3, job, signer);
            const string ids = "SELECT string_agg(id::text, ',') FROM application_secrets WHERE hash = decode($1, 'hex')";
            var shared = await own.Database.ScalarAsync<string>(ids, Sha256);
            await using (var second = await StartAsync(own))
            {
                Assert.Equal(
                    [
                        $"{mine.ClientId} service False False 1", "job service True False 1", "shop spa False True 0",
                        "signer service True False 0",
                    ],
                    (await ListAsync(identity, admin)).Select(Describe));
                Assert.True(await own.Database.IsRevokedAsync(new(token))); // other scopes
                (await identity.TokenAsync(new MadeApplication(Guid.Empty, "job", Secret, Guid.Empty)))
                    .AssertProtocolError(401, "invalid_client");
                Assert.Equal("orders.read", (await identity.TokenAsync(
                    new MadeApplication(Guid.Empty, "job", "another-" + Secret, Guid.Empty))).Member("scope"));
                Assert.Equal(shared, await own.Database.ScalarAsync<string>(ids, Sha256)); // the same row
                Assert.Contains("application_changed", second.Output, StringComparison.Ordinal);

                // 5. The disabled one belongs to the admins now.
                var old = (await ListAsync(identity, admin)).Single(each => each.GetProperty("client_id").GetString() == "shop");
                Assert.Equal(200, (await identity.ChangeApplicationAsync(
                    admin, old.GetProperty("id").GetGuid(), new { disabled = false })).Status);
            }

            // 6. A replica with an older version, and one with the same version and other content, change nothing, and say so.
            var before = await ListTextAsync(own);
            await WriteAsync(own, 2, shop);
            await using (var older = await StartAsync(own))
            {
                await older.UntilLoggedAsync("version 3 is in force");
            }

            await WriteAsync(own, 3, shop);
            await using (var other = await StartAsync(own))
            {
                await other.UntilLoggedAsync("changed without a greater version than 3");
            }

            await WriteAsync(own, 3, job, signer);
            await using (var same = await StartAsync(own))
            {
                Assert.DoesNotContain("file of applications", same.Output, StringComparison.Ordinal);
            }

            Assert.Equal(before, await ListTextAsync(own));

            // 7. A file without applications disables them all, and its version counts too. The admins' own goes on.
            await WriteAsync(own, 4);
            await using (var empty = await StartAsync(own))
            {
                Assert.Equal(
                    [
                        $"{mine.ClientId} service False False 1", "job service False True 1", "shop spa False False 0",
                        "signer service False True 0",
                    ],
                    (await ListAsync(identity, admin)).Select(Describe));
            }

            await WriteAsync(own, 3, job, signer);
            await using (var older = await StartAsync(own))
            {
                Assert.True((await ListAsync(identity, admin))[1].GetProperty("disabled").GetBoolean());
            }

            // 8. Declared anew, with the admins' own: the file takes over, and ids stay.
            JsonObject theirs = new() { ["client_id"] = mine.ClientId, ["scopes"] = List("orders.read"), ["secrets"] = Secrets(own) };
            await WriteAsync(own, 5, job, signer, shop, theirs);
            await using (var again = await StartAsync(own))
            {
                Assert.All(await ListAsync(identity, admin), application => Assert.True(
                    application.GetProperty("declared").GetBoolean() && !application.GetProperty("disabled").GetBoolean()));
                Assert.Equal(id, (await ListAsync(identity, admin))[1].GetProperty("id").GetGuid());
                (await identity.TokenAsync(mine)).AssertProtocolError(401, "invalid_client"); // its secret is not in the file
            }

            // 9. A disabled one is one that the file disables.
            job["disabled"] = true;
            await WriteAsync(own, 6, job);
            await using (var disabled = await StartAsync(own))
            {
                Assert.Equal("job service True True 1", Describe((await ListAsync(identity, admin))[1]));
            }
        }
    }

    [Fact]
    public async Task A_kind_never_changes_and_the_refused_file_changes_nothing()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        JsonObject one = new() { ["client_id"] = "one", ["scopes"] = List("a"), ["secrets"] = Hashes() };
        await WriteAsync(own, 1, one);
        await using (await StartAsync(own))
        {
        }

        var before = await ListTextAsync(own);
        JsonObject other = new()
        {
            ["client_id"] = "one", ["kind"] = "web", ["scopes"] = List("openid"), ["secrets"] = Hashes(),
            ["redirect_uris"] = List("https://shop.example/callback"),
        };
        await WriteAsync(own, 2, other, new() { ["client_id"] = "two", ["scopes"] = List("a"), ["secrets"] = Hashes() });

        var refused = await own.RunAsync("Production");

        refused.AssertExited(1);
        Assert.Contains(
            "  - Identity:Applications:File names a file in which kind of one must stay service", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(before, await ListTextAsync(own));
        await WriteAsync(own, 2, one); // the refused version counts as none
        await using var repaired = await StartAsync(own);
        await repaired.UntilLoggedAsync("Applied version 2 of the file of applications");
    }

    [Fact]
    public async Task A_malformed_file_stops_the_start_with_every_problem()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        await WriteAsync(
            own, 0, new() { ["client_id"] = "A B", ["kind"] = "robot" },
            new() { ["client_id"] = "job", ["scopes"] = List(), ["grants"] = List("implicit") });

        var refused = await own.RunAsync("Production");

        refused.AssertExited(1);
        var problems = refused.Errors.Split("\n  - ")[1..].Select(problem => problem.TrimEnd());
        Assert.Equal(
            [
                "version must be a whole number from 1, greater than that of the file before.",
                "kind of applications[0] must be spa, native, web, service.",
                "client_id of applications[0] must be 1 to 64 of the characters a-z 0-9 . _ - and begin with a letter or digit.",
                "scopes of job must be 1 to 16 scopes.",
                "grants of job must be one or more of client_credentials, each once.",
                "secrets of job must be 1 to 2, each by secret_file or sha256, unless jwks has a key.",
            ],
            problems.Select(problem => problem["Identity:Applications:File names a file in which ".Length..]));
    }

    public static TheoryData<string, string> Malformed => new()
    {
        { "", "is not a JSON object with version and applications, at line 1." },
        { "[]", "is not a JSON object with version and applications, at line 1." },
        { "{\"version\":1,\n\"applications\":[}", "is not a JSON object with version and applications, at line 2." },
        { """{"version":1,"applications":[],"more":1}""", "in which more is not a known member" },
        { """{"version":1,"version":2,"applications":[]}""", "in which version must not be given twice" },
        { """{"version":"1","applications":[]}""", "in which version has the wrong type" },
        { """{"version":1.5,"applications":[]}""", "in which version has the wrong type" },
        { """{"version":-1,"applications":[]}""", "in which version must be a whole number from 1" },
        { """{"version":99999999999,"applications":[]}""", "in which version has the wrong type" },
        { """{"applications":[]}""", "in which version must be a whole number from 1" },
        { """{"version":1}""", "in which applications must be an array of at most 1000" },
        { """{"version":1,"applications":{}}""", "in which applications has the wrong type" },
        { """{"version":1,"applications":[null]}""", "in which applications[0] must be an object" },
        { One("""{"client_id":"A B"}"""), "in which client_id of applications[0] must be 1 to 64" },
        { One("""{"client_id":null}"""), "in which client_id of applications[0] must be 1 to 64" },
        { One("""{"Scopes":["a"]}"""), "in which applications[0].Scopes is not a known member" },
        { One("""{"scopes":["a\u0000"]}"""), "in which applications[0].scopes[0] must not hold U+0000" },
        { One("""{"scopes":["mesh"]}"""), "scopes of job must be scopes" },
        { One("""{"client_id":"authmesh"}"""), "client_id of applications[0] must differ from the name in tokens of sign-ins" },
        { One("""{"redirect_uris":["https://a.example/"]}"""), "redirect_uris of job must be empty: a service signs nobody in" },
        { One("""{"jwks":{"keys":[{"kty":"EC","d":"x"}]}}"""), "in which applications[0].jwks.keys[0].d is not a known member" },
        { One("""{"jwks":{"keys":[{"kty":"EC","kid":"a"}]}}"""), "jwks of job must hold keys for signatures" },
        { One("""{"secrets":[]}"""), "secrets of job must be 1 to 2" },
        { One("""{"secrets":[null]}"""), "secrets of job must have either secret_file or sha256 each" },
        { One("""{"secrets":[{}]}"""), "secrets of job must have either secret_file or sha256 each" },
        { One("""{"secrets":[{"sha256":"abc"}]}"""), "secrets of job must have either secret_file or sha256 each" },
        { One($$"""{"secrets":[{"sha256":"{{Sha256.ToUpperInvariant()}}"}]}"""), "secrets of job must have either secret_file or sha256" },
        { One($$"""{"secrets":[{"sha256":"{{Sha256}}","secret_file":"x"}]}"""), "secrets of job must have either secret_file or sha256" },
        { One($$"""{"secrets":[{"sha256":"{{Sha256}}"},{"sha256":"{{Sha256}}"}]}"""), "secrets of job must differ" },
        { One("""{"secrets":[{"secret_file":"/nowhere/secret"}]}"""), "secrets of job must be files that can be read" },
        { One("""{"secrets":[{"secret_file":"/dev/null"}]}"""), "secrets of job must be files with at least 32 visible ASCII characters" },
        {
            One("""{"kind":"spa","redirect_uris":["https://a.example/"]}"""),
            "secrets of job must be absent: an application in a browser or on a device keeps no secret"
        },
        {
            $$"""{"version":1,"applications":[{{Valid}},{{Valid}}]}""", "client_id of applications[1] must be declared once"
        },
    };

    private static readonly LogoutNetworks NoNetworks = new(new BackchannelLogoutOptions(), isDevelopment: false);

    private static string Valid => $$"""{"client_id":"job","scopes":["a"],"secrets":[{"sha256":"{{Sha256}}"}]}""";

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Each_fault_of_a_file_is_named(string content, string problem)
    {
        var path = System.IO.Path.GetTempFileName();
        File.WriteAllText(path, content);

        var (declarations, problems) = ReadDeclarations.Read(path, new TokenOptions(), isDevelopment: false, NoNetworks);

        Assert.Null(declarations);
        Assert.Contains(problem, Assert.Single(problems), StringComparison.Ordinal);
        File.WriteAllText(path, $$"""{"version":1,"applications":[{{Valid}}]}""");
        Assert.Empty(ReadDeclarations.Read(path, new TokenOptions(), isDevelopment: false, NoNetworks).Problems);
        File.Delete(path);
    }

    [Fact]
    public void A_file_that_is_not_there_is_named() => Assert.StartsWith(
        "names a file that cannot be read: ",
        Assert.Single(ReadDeclarations.Read("/nowhere/applications.json", new TokenOptions(), isDevelopment: false, NoNetworks).Problems),
        StringComparison.Ordinal);

    [Fact]
    public async Task Two_replicas_that_start_at_once_with_two_versions_end_at_the_greater_one()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        JsonObject first = new() { ["client_id"] = "first", ["scopes"] = List("a"), ["secrets"] = Hashes() };
        JsonObject second = new() { ["client_id"] = "second", ["scopes"] = List("a"), ["secrets"] = Hashes() };
        await WriteAsync(own, 1, first);
        await using (await StartAsync(own)) // with the schema, the start takes no time
        {
        }

        await WriteAsync(own, 2, first);
        File.Copy(own.FileIn("applications.json"), own.FileIn("older.json"));
        await WriteAsync(own, 3, second);
        var older = new Dictionary<string, string>(own.Settings) { ["Identity:Applications:File"] = own.FileIn("older.json") };

        var services = await Together.RunAsync(
            () => StartAsync(own),
            async () =>
            {
                var service = await ServiceProcess.StartAsync(
                    "identity-service", older, "Production", start: WithinThisProcess.StartAsync);
                await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
                return service;
            });

        Assert.Equal(
            "first disabled, second", await own.Database.ScalarAsync<string>(
                """
                SELECT string_agg(client_id || CASE WHEN disabled_at IS NULL THEN '' ELSE ' disabled' END, ', ' ORDER BY client_id)
                FROM applications
                """));
        foreach (var service in services)
        {
            await service.DisposeAsync();
        }
    }

    // The valid application with other members.
    private static string One(string changes)
    {
        var application = JsonNode.Parse(Valid)!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(changes)!.AsObject())
        {
            application[name] = value?.DeepClone();
        }

        return $$"""{"version":1,"applications":[{{application.ToJsonString()}}]}""";
    }

    private static JsonArray List(params string[] texts) => [.. texts.Select(text => JsonValue.Create(text))];

    private static JsonArray Hashes() => [new JsonObject { ["sha256"] = Sha256 }];

    private static JsonArray Secrets(OwnDatabase own) =>
        [new JsonObject { ["secret_file"] = own.FileIn("secret") }, new JsonObject { ["sha256"] = Sha256 }];

    private static async Task WriteAsync(OwnDatabase own, int version, params JsonObject[] applications)
    {
        own.Settings["Identity:Applications:File"] = own.FileIn("applications.json");
        await File.WriteAllTextAsync(
            own.FileIn("applications.json"),
            new JsonObject { ["version"] = version, ["applications"] = new JsonArray([.. applications.Select(each => each.DeepClone())]) }
                .ToJsonString(),
            TestContext.Current.CancellationToken);
    }

    private static async Task<ServiceProcess> StartAsync(OwnDatabase own)
    {
        var service = await own.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        return service;
    }

    private static async Task<string> AdminTokenAsync(OwnDatabase own, Caller identity) => await identity.TokenAsync(
        "admin", (await File.ReadAllTextAsync(own.FileIn("generated-password"), TestContext.Current.CancellationToken)).TrimEnd('\n'));

    private static async Task<JsonElement[]> ListAsync(Caller identity, string admin) =>
        [.. (await identity.GetAsync("/applications", admin)).Json.GetProperty("applications").EnumerateArray()];

    private static string Describe(JsonElement application) =>
        $"{application.GetProperty("client_id")} {application.GetProperty("kind")} {application.GetProperty("declared")} "
        + $"{application.GetProperty("disabled")} {application.GetProperty("secrets").GetArrayLength()}";

    private static Task<string> ListTextAsync(OwnDatabase own) => own.Database.ScalarAsync<string>(
        """
        SELECT string_agg(a::text, ';' ORDER BY client_id) || (SELECT string_agg(s::text, ';' ORDER BY id) FROM application_secrets s)
            || (SELECT version FROM declared_files)
        FROM applications a
        """);
}
