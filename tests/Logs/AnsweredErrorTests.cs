using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Logs;

/// <summary>
/// The trace id of every error answer leads to a line of the service that answered: at the gateway, behind it, and asked directly.
/// </summary>
public sealed class AnsweredErrorTests(ProductionMesh mesh)
{
    private const string LongBody = "long", Malformed = "{", NoCredentials = """{"username":"nobody-here","password":"a wrong password"}""";

    public enum Service
    {
        Gateway,
        Identity,
        Resource,
    }

    public enum Token
    {
        None,
        Junk,
        OfUser,
    }

    public static TheoryData<Service, Service, string, string, string?, Token, int, string, string> Errors => new()
    {
        // asked, who answers, method, path, body, token, status, code, route in the line
        { Service.Gateway, Service.Gateway, "GET", "/protected", null, Token.None, 401, "missing_token", "/protected" },
        { Service.Gateway, Service.Gateway, "GET", "/protected", null, Token.Junk, 401, "invalid_token", "/protected" },
        { Service.Gateway, Service.Gateway, "GET", "/admin", null, Token.OfUser, 403, "forbidden", "/admin" },
        { Service.Gateway, Service.Gateway, "GET", "/nothing-here", null, Token.OfUser, 404, "not_found", "no route" },
        { Service.Gateway, Service.Gateway, "DELETE", "/protected", null, Token.OfUser, 405, "method_not_allowed", "no route" },
        { Service.Gateway, Service.Gateway, "brew", "/protected", null, Token.OfUser, 501, "unknown_method", "no route" },
        { Service.Gateway, Service.Gateway, "POST", "/login", LongBody, Token.None, 413, "body_too_large", "/login" },
        { Service.Gateway, Service.Gateway, "GET", "/nobody", null, Token.OfUser, 503, "service_unavailable", "/nobody" },
        { Service.Gateway, Service.Identity, "POST", "/login", Malformed, Token.None, 400, "invalid_request", "/login" },
        { Service.Gateway, Service.Identity, "POST", "/login", NoCredentials, Token.None, 401, "invalid_credentials", "/login" },
        { Service.Identity, Service.Identity, "POST", "/login", Malformed, Token.None, 400, "invalid_request", "/login" },
        { Service.Identity, Service.Identity, "GET", "/account", null, Token.Junk, 401, "invalid_token", "/account" },
        { Service.Identity, Service.Identity, "GET", "/users", null, Token.OfUser, 403, "forbidden", "/users" },
        { Service.Identity, Service.Identity, "GET", "/nothing-here", null, Token.OfUser, 404, "not_found", "no route" },
        { Service.Identity, Service.Identity, "brew", "/account", null, Token.OfUser, 501, "unknown_method", "no route" },
        { Service.Resource, Service.Resource, "GET", "/protected", null, Token.None, 401, "missing_token", "/protected" },
        { Service.Resource, Service.Resource, "GET", "/admin", null, Token.OfUser, 403, "forbidden", "/admin" },
        { Service.Resource, Service.Resource, "POST", "/protected", "{}", Token.OfUser, 405, "method_not_allowed", "no route" },
    };

    [Theory]
    [MemberData(nameof(Errors))]
    public async Task The_trace_id_of_an_error_stands_in_the_line_about_that_answer(
        Service asked, Service answers, string method, string path, string? body, Token token, int status, string code, string route)
    {
        var bearer = token switch
        {
            Token.OfUser => (await mesh.SignUpAsync()).Token,
            Token.Junk => "junk",
            _ => null,
        };
        foreach (var accept in (string[])["application/json", "application/problem+json", "text/html"])
        {
            var text = body == LongBody ? $"\"{new string('x', 40_000)}\"" : body;
            var answer = await Caller(asked).SendAsync(
                new HttpMethod(method), path, text is null ? null : new StringContent(text, new MediaTypeHeaderValue("application/json")),
                request =>
                {
                    request.Headers.TryAddWithoutValidation("Accept", accept);
                    request.Headers.Authorization = bearer is null ? null : new("Bearer", bearer);
                });

            Assert.Equal(status, answer.Status);
            var traceId = Regex.Match(answer.Text, "(?:\"traceId\":\\s*\"|Trace id: )([0-9a-f]{32})").Groups[1].Value;
            Assert.NotEmpty(traceId);
            // The pattern of a group's own path ends with a slash.
            await Process(answers).UntilLogMatchesAsync(
                $@"AuthMesh\.Errors\.AnswerLog: Answered {status} {code} \({Regex.Escape(route)}/?\) \[{traceId}\]\n");
        }
    }

    private Caller Caller(Service service) => service switch
    {
        Service.Gateway => mesh.Gateway,
        Service.Identity => mesh.Identity,
        _ => mesh.Resource,
    };

    private ServiceProcess Process(Service service) => service switch
    {
        Service.Gateway => mesh.Mesh.Gateway,
        Service.Identity => mesh.Mesh.Identity,
        _ => mesh.Mesh.Resource,
    };
}
