-- COPY of contents.
copy staged_content (line_no, content) from stdin with (format csv)
