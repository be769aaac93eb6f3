using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Accounts;

/// <summary>Malformed bodies on both routes that take a name and a password. None is stored, and none causes a 500.</summary>
public sealed class BodyTests(ProductionMesh mesh)
{
    public static TheoryData<string, string> Routes => new(
        from route in new[] { "/register", "/login" }
        from body in new[]
        {
            "", " ", "null", "[]", "\"text\"", "1", "true", "{", "}", "{\"username\":", "{\"username\":\"abc\",\"password\":\"12345678\"",
                "\ufeff{}x",
            "{\"username\":\"abc\",\"password\":\"12345678\"} x", "{\"username\":\"abc\",\"password\":\"12345678\"}{}",
            "{'username':'abc'}",
            "{\"username\":\"abc\",\"password\":\"12345678\",}", "{/* */}", "{\"username\":\"\\u12\"}",
            "username=abc&password=12345678", "\0",
        }
        select (route, body));

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_body_other_than_one_JSON_object_is_refused(string route, string body)
    {
        (await mesh.Gateway.PostRawAsync(route, body)).AssertError(400, "invalid_request");
    }

    public static TheoryData<string, string, string> Members => new(
        from route in new[] { "/register", "/login" }
        from row in new[]
        {
            ("""{"username":1,"password":"12345678"}""", "username"),
            ("""{"username":true,"password":"12345678"}""", "username"),
            ("""{"username":["abc"],"password":"12345678"}""", "username"),
            ("""{"username":{"$ne":""},"password":"12345678"}""", "username"),
            ("""{"username":{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":1}}}}}}}}},"password":"12345678"}""", "username"),
            ("""{"username":"abc","password":12345678}""", "password"),
            ("""{"username":"abc","password":1e999}""", "password"),
            ("""{"username":"abc","password":["12345678"]}""", "password"),
            ("""{"username":"abc","password":{}}""", "password"),
            ("""{"username":"abc","password":"12345678","role":"admin"}""", "role"),
            ("""{"username":"abc","password":"12345678","isAdmin":true}""", "isAdmin"),
            ("""{"username":"abc","password":"12345678","__proto__":{}}""", "__proto__"),
            ("""{"Username":"abc","password":"12345678"}""", "Username"),
            ("""{"username":"abc","password":"12345678","a b":1}""", "a b"),
            ("""{"username":"abc","password":"12345678","":1}""", ""),
            ("""{"username":"abc","username":"abd","password":"12345678"}""", "username"),
            ("""{"username":"abc","\u0075sername":"abd","password":"12345678"}""", "username"),
            ("""{"username":"abc","password":"12345678","password":"87654321"}""", "password"),
        }
        select (route, row.Item1, row.Item2));

    [Theory]
    [MemberData(nameof(Members))]
    public async Task A_member_that_is_unknown_duplicate_or_of_a_wrong_type_is_named(string route, string body, string member)
    {
        (await mesh.Gateway.PostRawAsync(route, body)).AssertError(400, "invalid_request", fields: member);
    }

    [Theory]
    [InlineData("""{"username":"","password":""}""", "username", "password")]
    [InlineData("""{"username":"abc"}""", "password")]
    [InlineData("""{"username":null,"password":"12345678"}""", "username")]
    public async Task A_registration_without_a_name_or_password_names_the_missing_field(string body, params string[] fields)
    {
        (await mesh.Gateway.PostRawAsync("/register", body))
            .AssertError(400, "invalid_request", "Username and password are required", fields);
    }

    [Theory]
    [InlineData("""{"username":"a\u0000bc","password":"12345678"}""", "username")]
    [InlineData("""{"username":"a\ud800bc","password":"12345678"}""", "username")]
    [InlineData("""{"username":"abc","password":"1234\u00005678"}""", "password")]
    [InlineData("""{"username":"abc","password":"1234\udfff5678"}""", "password")]
    public async Task A_registration_with_a_NUL_or_lone_surrogate_is_refused(string body, string field)
    {
        (await mesh.Gateway.PostRawAsync("/register", body)).AssertError(400, "invalid_request", fields: field);
    }

    [Theory]
    [InlineData("/register", 400, "invalid_request")]
    [InlineData("/login", 401, "invalid_credentials")] // a wrong password like any other
    public async Task Invalid_UTF8_is_refused(string route, int status, string code)
    {
        var bytes = "{\"username\":\"abc\",\"password\":\"1234"u8.ToArray().Concat(new byte[] { 0xff, 0xfe })
            .Concat("5678\"}"u8.ToArray()).ToArray();

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, route, new ByteArrayContent(bytes) { Headers = { ContentType = new("application/json") } });

        answer.AssertError(status, code, fields: route == "/register" ? ["password"] : []);
    }

    [Theory]
    [InlineData("/register", "text/plain")]
    [InlineData("/register", "application/x-www-form-urlencoded")]
    [InlineData("/register", "application/xml")]
    [InlineData("/login", "text/plain")]
    [InlineData("/login", "multipart/form-data; boundary=x")]
    [InlineData("/register", "application/json; charset=utf-16")]
    [InlineData("/register", "application/json; charset=iso-8859-1")]
    [InlineData("/login", "application/json; charset=nonsense")]
    [InlineData("/login", "application/json; charset=\"\"")]
    public async Task Another_content_type_is_refused(string route, string contentType)
    {
        var answer = await mesh.Gateway.PostRawAsync(route, """{"username":"abc","password":"12345678"}""", contentType);

        answer.AssertError(415, "unsupported_media_type");
    }

    [Theory]
    [InlineData("/register", "gzip", true)]
    [InlineData("/login", "gzip", true)]
    [InlineData("/login", "br", false)]
    [InlineData("/login", "identity", false)]
    [InlineData("/refresh", "gzip", true)]
    [InlineData("/logout", "gzip", true)]
    public async Task A_body_in_a_content_coding_is_refused(string route, string coding, bool isCompressed)
    {
        var text = """{"username":"abc","password":"12345678"}"""u8.ToArray();
        foreach (var place in new[] { mesh.Gateway, mesh.Identity })
        {
            var answer = await place.SendAsync(HttpMethod.Post, route, new ByteArrayContent(isCompressed ? Compress(text) : text)
            {
                Headers = { ContentType = new("application/json"), ContentEncoding = { coding } },
            });

            answer.AssertError(
                415, "unsupported_media_type", "The request body must not be compressed or encoded: leave out Content-Encoding");
        }

        static byte[] Compress(byte[] bytes)
        {
            using var compressed = new MemoryStream();
            using (var gzip = new System.IO.Compression.GZipStream(compressed, System.IO.Compression.CompressionMode.Compress))
            {
                gzip.Write(bytes);
            }

            return compressed.ToArray();
        }
    }

    [Fact]
    public async Task An_empty_body_may_have_any_content_coding() => Assert.Equal(200, (await mesh.Gateway.SendAsync(
        HttpMethod.Post, "/logout", new ByteArrayContent([]) { Headers = { ContentEncoding = { "gzip" } } })).Status);

    [Theory]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("application/json; charset=UTF-8")]
    [InlineData("application/json; charset=\"utf-8\"")]
    [InlineData("APPLICATION/JSON")]
    public async Task Every_spelling_of_the_JSON_UTF8_content_type_is_accepted(string contentType)
    {
        var answer = await mesh.Gateway.PostRawAsync("/login", """{"username":"nobody-at-all","password":"12345678"}""", contentType);

        answer.AssertError(401, "invalid_credentials");
    }

    [Theory]
    [InlineData("/register", false)]
    [InlineData("/register", true)]
    [InlineData("/login", false)]
    [InlineData("/login", true)]
    public async Task A_body_of_a_megabyte_is_refused_with_or_without_a_length(string route, bool isChunked)
    {
        var body = $$"""{"username":"abc","password":"{{new string('x', 1_000_000)}}"}""";
        for (var i = 0; i < 50; i++) // the answer must reach a client that is still sending
        {
            var answer = await mesh.Gateway.SendAsync(
                HttpMethod.Post, route, new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")),
                request => request.Headers.TransferEncodingChunked = isChunked);

            answer.AssertError(413, "body_too_large");
            Assert.Equal("close", answer.Header("Connection"));
        }
    }

    [Fact]
    public async Task Refused_bodies_create_no_user()
    {
        // The valid names in this class's bodies.
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM users WHERE normalized_username IN ('abc', 'abd')"));
        (await mesh.Gateway.PostRawAsync("/register", """{"username":"abc","password":"12345678","role":"admin"}"""))
            .AssertError(400, "invalid_request", fields: "role");
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM users WHERE normalized_username IN ('abc', 'abd')"));
    }
}
