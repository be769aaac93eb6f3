using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Logs;

[Collection<OnDevelopmentMesh>]
public sealed class UnhandledExceptionTests(DevelopmentMesh development)
{
    [Fact]
    public async Task The_trace_id_of_a_500_stands_in_the_line_with_the_exception_and_in_the_one_about_the_answer()
    {
        using var gateway = new Caller(development.Mesh.Gateway);
        var database = new Database(development.Mesh.ConnectionString);
        await database.ExecuteAsync("ALTER TABLE sessions ADD CONSTRAINT ck_refuse_trace CHECK (false) NOT VALID");
        Answer answer;
        try
        {
            answer = await gateway.LoginAsync("alice", "password123");
        }
        finally
        {
            await database.ExecuteAsync("ALTER TABLE sessions DROP CONSTRAINT ck_refuse_trace");
        }

        answer.AssertError(500, "internal_error");
        var identity = development.Mesh.Identity;
        var traceId = answer.Member("traceId");
        await identity.UntilLoggedAsync($"AuthMesh.Errors.AnswerLog: Answered 500 internal_error (/login) [{traceId}]\n");
        await identity.UntilLoggedAsync($"AuthMesh.Errors.ErrorPipeline: Unhandled exception [{traceId}]\n    ");
    }
}
