using System.Text.Json;
using AuthMesh.Identity.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenId;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Applications;

/// <summary>The keys that admins register for applications.</summary>
public sealed class ClientKeyTests(ProductionMesh mesh)
{
    private static readonly AssertionKey Ec = AssertionKey.Ec(), Rsa = AssertionKey.Rsa(id: "key-2");

    private static readonly Dictionary<string, Func<object>> Wrong = new()
    {
        ["no list"] = () => new { },
        ["eleven keys"] = () => Set([.. Enumerable.Range(0, 11).Select(i => With(Ec, ("kid", $"key-{i}")))]),
        ["no kid"] = () => Set(With(Ec, ("kid", null))),
        ["an empty kid"] = () => Set(With(Ec, ("kid", ""))),
        ["a long kid"] = () => Set(With(Ec, ("kid", new string('k', 129)))),
        ["a kid with a space"] = () => Set(With(Ec, ("kid", "key 1"))),
        ["one kid twice"] = () => Set(Ec.Jwk, With(Rsa, ("kid", "key-1"))),
        ["a key that is null"] = () => new { keys = new object?[] { null } },
        ["another use"] = () => Set(With(Ec, ("use", "enc"))),
        ["another operation"] = () => Set(With(Ec, ("key_ops", new[] { "sign" }))),
        ["no type"] = () => Set(With(Ec, ("kty", null))),
        ["a symmetric key"] = () => Set(With(Ec, ("kty", "oct"))),
        ["another curve"] = () => Set(With(Ec, ("crv", "P-384"))),
        ["no coordinate"] = () => Set(With(Ec, ("y", null))),
        ["a short coordinate"] = () => Set(With(Ec, ("x", AssertionKey.Encode(new byte[31])))),
        ["a padded coordinate"] = () => Set(With(Ec, ("x", Ec.Jwk["x"] + "="))),
        ["a point off the curve"] = () => Set(With(Ec, ("x", AssertionKey.Encode([.. Enumerable.Repeat((byte)1, 32)])))),
        ["the algorithm of an RSA key"] = () => Set(With(Ec, ("alg", "RS256"))),
        ["ES384"] = () => Set(With(Ec, ("alg", "ES384"))),
        ["a modulus at an EC key"] = () => Set(With(Ec, ("n", "AQAB"))),
        ["RSA of 1024 bits"] = () => Set(AssertionKey.Rsa(bits: 1024).Jwk),
        ["RSA of 4104 bits"] = () => Set(With(Rsa, ("n", AssertionKey.Encode([.. Enumerable.Repeat((byte)255, 513)])))),
        ["an even modulus"] = () => Set(With(Rsa, ("n", AssertionKey.Encode([.. Enumerable.Repeat((byte)254, 256)])))),
        ["a leading zero"] = () => Set(With(Rsa, ("n", AssertionKey.Encode([0, .. Enumerable.Repeat((byte)255, 256)])))),
        ["a small exponent"] = () => Set(With(Rsa, ("e", "Aw"))),
        ["no modulus"] = () => Set(With(Rsa, ("n", null))),
        ["RS512"] = () => Set(With(Rsa, ("alg", "RS512"))),
    };

    public static TheoryData<string> WrongKeys => [.. Wrong.Keys];

    [Theory]
    [MemberData(nameof(WrongKeys))]
    public async Task A_set_that_is_none_is_refused(string what) =>
        (await CreateAsync("service", Wrong[what]())).AssertError(400, "invalid_request", fields: "jwks");

    [Theory]
    [InlineData("d")]
    [InlineData("p")]
    [InlineData("k")]
    [InlineData("x5u")]
    [InlineData("jku")]
    [InlineData("x5c")]
    public async Task A_private_member_and_an_address_are_refused_by_name(string member)
    {
        foreach (var key in (AssertionKey[])[Ec, Rsa])
        {
            (await CreateAsync("service", Set(With(key, (member, "AQAB")))))
                .AssertError(400, "invalid_request", fields: $"jwks.keys[0].{member}");
        }
    }

    [Theory]
    [InlineData("spa")]
    [InlineData("native")]
    public async Task An_application_that_keeps_no_secret_keeps_no_key(string kind) =>
        (await CreateAsync(kind, Set(Ec.Jwk))).AssertError(400, "invalid_request", fields: "jwks");

    [Fact]
    public async Task Keys_are_stored_and_shown_as_they_were_given()
    {
        using var pss = AssertionKey.Rsa("PS256", "key-3", 3072);
        object[] keys =
        [
            With(Ec, ("use", "sig"), ("alg", "ES256"), ("key_ops", new[] { "verify" })), Rsa.Jwk, With(pss, ("alg", "PS256")),
        ];

        var made = await CreateAsync("web", new { keys });

        Assert.True(made.Status == 201, made.ToString());
        Assert.Equal("Application", made.Message![..11]);
        Assert.Null(made.Member("client_secret"));
        var shown = made.Json.GetProperty("application");
        Assert.True(JsonElement.DeepEquals(
            JsonSerializer.SerializeToElement(new { keys }), shown.GetProperty("jwks")), shown.GetProperty("jwks").ToString());
        Assert.Equal(0, shown.GetProperty("secrets").GetArrayLength());

        // The same set again changes nothing, although PostgreSQL returns it in another order.
        var admin = await mesh.AdminTokenAsync();
        var same = await mesh.Gateway.ChangeApplicationAsync(admin, shown.GetProperty("id").GetGuid(), new { jwks = new { keys } });
        Assert.Equal(200, same.Status);
    }

    [Fact]
    public void A_stored_set_equals_the_one_that_was_given()
    {
        var set = new ClientKeySet([new ClientKey("EC", "a", Crv: "P-256", X: "x", Y: "y"), new ClientKey("RSA", "b", N: "n", E: "AQAB")]);
        const string reordered =
            """
            {"keys": [{"y": "y", "x": "x", "crv": "P-256", "kid": "a", "kty": "EC"}, {"e": "AQAB", "n": "n", "kid": "b", "kty": "RSA"}]}
            """;

        Assert.Equal(set.ToText(), ClientKeySet.Parse(reordered)!.ToText());
    }

    private static Dictionary<string, object?> With(AssertionKey key, params (string Name, object? Value)[] changes)
    {
        var jwk = key.Jwk;
        foreach (var (name, value) in changes)
        {
            jwk[name] = value;
        }

        return jwk.Where(member => member.Value is not null).ToDictionary();
    }

    private static object Set(params Dictionary<string, object?>[] keys) => new { keys };

    private async Task<Answer> CreateAsync(string kind, object jwks)
    {
        object settings = kind == "service"
            ? new { client_id = NewId(), kind, scopes = new[] { "orders.read" }, jwks }
            : new { client_id = NewId(), kind, scopes = new[] { "openid" }, redirect_uris = new[] { RegisteredClient.Callback }, jwks };
        return await mesh.Gateway.CallAsync(HttpMethod.Post, "/applications", await mesh.AdminTokenAsync(), settings);

        static string NewId() => "app-" + Guid.NewGuid().ToString("N")[..12];
    }
}
